/** UDP sockets of Node: one system call and one callback per datagram. They work everywhere. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { canonicalAddress, type Endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import type { UdpBackend, UdpSocket, UdpSocketHandlers, UdpSocketOptions } from "./udp-socket.ts";

/** All names here are addresses. Without a lookup a socket is open when `bind` returns, and `send` sends at once. */
const lookup = (address: string, _: unknown, done: (error: null, address: string, family: number) => void): void =>
  done(null, address, isIPv4(address) ? 4 : 6);

export const createDgramSocket = (family: 4 | 6): Socket =>
  createSocket(family === 4 ? { type: "udp4", lookup } : { type: "udp6", ipv6Only: true, lookup });

/** The endpoint that Node reports. Its address may have a scope, and be IPv4 in IPv6. */
export const senderOf = ({ address, port, family }: RemoteInfo): Endpoint => ({
  address: family === "IPv4" ? address : canonicalAddress(address)!,
  port,
});

export const DGRAM_BACKEND: UdpBackend = {
  name: "dgram",
  open: (options, handlers) => {
    const socket = bindNow(options);
    socket.on("message", (bytes, info) => handlers.onDatagram(bytes, senderOf(info)));
    return new DgramSocket(socket, handlers);
  },
};

function bindNow({ address, port, family }: UdpSocketOptions): Socket {
  const socket = createDgramSocket(family);
  let failed: Error | null = null;
  const onError = (error: Error): void => void (failed = error);
  socket.on("error", onError);
  socket.bind(port, address);
  if (failed !== null) {
    socket.close();
    throw failed as Error;
  }
  socket.off("error", onError);
  return socket;
}

export class DgramSocket implements UdpSocket {
  readonly #socket: Socket;
  readonly #handlers: UdpSocketHandlers;
  /** Datagrams given to Node that it has not reported as sent. */
  #unsent = 0;
  #onDrained: (() => void) | null = null;

  constructor(socket: Socket, handlers: UdpSocketHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    socket.on("error", () => handlers.onError("receive"));
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    try {
      this.#socket.send(bytes, to.port, to.address, this.#onSent);
      this.#unsent++;
    } catch {
      // The socket was closed, or the system refuses the address.
      this.#handlers.onError("send");
    }
  }

  queuedBytes(): number {
    // Asking Node costs as much as a tenth of a datagram.
    return this.#unsent === 0 ? 0 : this.#socket.getSendQueueSize();
  }

  setReceiveBuffer(bytes: number): number {
    try {
      this.#socket.setRecvBufferSize(bytes);
    } catch {
      // Some systems throw instead of granting less; the granted size is read next.
    }
    return this.#socket.getRecvBufferSize();
  }

  async close(): Promise<void> {
    this.#socket.removeAllListeners("message");
    if (this.#unsent > 0) await new Promise<void>((done) => (this.#onDrained = done));
    await new Promise<void>((done) => this.#socket.close(done));
  }

  discard(): void {
    this.#socket.close();
  }

  readonly #onSent = (error: Error | null): void => {
    if (--this.#unsent === 0) this.#onDrained?.();
    if (error !== null) this.#handlers.onError("send");
  };
}
