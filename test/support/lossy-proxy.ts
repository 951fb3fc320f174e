/** A UDP proxy to a server on this machine that drops datagrams by a given rule and records their lengths. */
import { createSocket, type Socket } from "node:dgram";

export class LossyProxy {
  /** The lengths of the server's datagrams that were not dropped. */
  readonly lengths: number[] = [];
  lost = 0;
  readonly #front: Socket;
  readonly #behind = new Map<number, Socket>();

  private constructor(front: Socket, server: number, loses: () => boolean) {
    this.#front = front;
    front.on("message", (bytes, { port }) => {
      const behind = this.#behind.get(port) ?? this.#open(port, loses);
      if (loses()) this.lost++;
      else behind.send(bytes, server, "127.0.0.1");
    });
  }

  static async open(server: number, loses: () => boolean): Promise<LossyProxy> {
    const front = createSocket("udp4");
    await new Promise<void>((done) => front.bind(0, "127.0.0.1", done));
    return new LossyProxy(front, server, loses);
  }

  get port(): number {
    return this.#front.address().port;
  }

  async close(): Promise<void> {
    const all = [this.#front, ...this.#behind.values()];
    await Promise.all(all.map((socket) => new Promise<void>((done) => socket.close(() => done()))));
  }

  #open(port: number, loses: () => boolean): Socket {
    const behind = createSocket("udp4");
    behind.on("message", (bytes) => {
      if (loses()) return void this.lost++;
      this.lengths.push(bytes.length);
      this.#front.send(bytes, port, "127.0.0.1");
    });
    this.#behind.set(port, behind);
    return behind;
  }
}
