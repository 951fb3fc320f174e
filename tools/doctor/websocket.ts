/** WebSockets: whether one opens, because proxies often block it while HTTP works, and a tunnel to a relay. */
const TIMEOUT_MS = 8_000;

export function canOpenWebSocket(url: URL, protocol?: string): Promise<boolean> {
  const socket = new WebSocket(url, protocol === undefined ? [] : [protocol]);
  return new Promise((resolve) => {
    const finish = (isOpen: boolean): void => {
      clearTimeout(timer);
      socket.close();
      resolve(isOpen);
    };
    const timer = setTimeout(() => finish(false), TIMEOUT_MS);
    socket.addEventListener("open", () => finish(true));
    socket.addEventListener("error", () => finish(false));
  });
}

/** A tunnel that has entered a relay: text is for the sidecar, each binary message is a datagram. */
export class TunnelProbe {
  readonly #socket: WebSocket;
  readonly #received = new Set<string>();
  readonly #listeners = new Set<() => void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      this.#received.add(typeof data === "string" ? data : Buffer.from(data as ArrayBuffer).toString("utf8"));
      for (const listener of this.#listeners) listener();
    });
  }

  /** Sends `enter` when the socket is open. Null if it does not open or does not enter. */
  static async open(url: string, enter: string): Promise<TunnelProbe | null> {
    const socket = new WebSocket(url);
    const tunnel = new TunnelProbe(socket);
    socket.addEventListener("open", () => socket.send(enter));
    if (await tunnel.receive("entered")) return tunnel;
    tunnel.close();
    return null;
  }

  send(text: string): void {
    this.#socket.send(Buffer.from(text));
  }

  /** Whether this message has arrived or arrives before the timeout. */
  receive(text: string): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(check);
        resolve(this.#received.has(text));
      };
      const check = (): void => {
        if (this.#received.has(text)) finish();
      };
      const timer = setTimeout(finish, TIMEOUT_MS);
      this.#socket.addEventListener("close", finish);
      this.#listeners.add(check);
      check();
    });
  }

  close(): void {
    this.#socket.close();
  }
}
