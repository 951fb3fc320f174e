/**
 * The last resort, if UDP is blocked: a WebSocket to the sidecar that is this client's end of the relay
 * (docs/reference/relay.md). Datagrams stay sealed. A datagram that does not fit into the send buffer is dropped.
 *
 *     client == "enter TICKET -" ==> sidecar
 *     client <= "entered" ========== sidecar        or it closes
 *     client <= a datagram =======> sidecar         binary
 */
import * as limits from "./limits.ts";

export type TunnelHandlers = {
  readonly open: (isOpen: boolean) => void;
  readonly datagram: (bytes: Uint8Array) => void;
};

export class Tunnel {
  readonly #url: string;
  readonly #ticket: string;
  readonly #handlers: TunnelHandlers;
  #socket: WebSocket | null = null;
  #entered = false;
  #reconnectTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(url: string, ticket: string, handlers: TunnelHandlers) {
    this.#url = url;
    this.#ticket = ticket;
    this.#handlers = handlers;
    this.#open();
  }

  send(bytes: Uint8Array): void {
    const socket = this.#socket;
    if (!this.#entered || socket === null || socket.bufferedAmount > limits.TUNNEL_UNSENT_BYTES_MAX) return;
    socket.send(Uint8Array.from(bytes));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#reconnectTimer);
    this.#socket?.close();
  }

  #open(): void {
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.addEventListener("open", () => socket.send(`enter ${this.#ticket} -`));
    socket.addEventListener("message", ({ data }) => this.#handleMessage(data));
    // A close event follows every error.
    socket.addEventListener("error", () => {});
    socket.addEventListener("close", () => {
      if (this.#entered && !this.#closed) this.#handlers.open(false);
      this.#entered = false;
      if (!this.#closed) this.#reconnectTimer = setTimeout(() => this.#open(), limits.TUNNEL_RECONNECT_MS);
    });
  }

  #handleMessage(data: unknown): void {
    if (this.#closed) return;
    if (data instanceof ArrayBuffer) this.#handlers.datagram(new Uint8Array(data));
    else if (typeof data === "string" && data.startsWith("entered")) {
      this.#entered = true;
      this.#handlers.open(true);
    }
  }
}
