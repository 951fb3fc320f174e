/** A TCP proxy between a browser and the hub that can be disconnected: open connections are reset and new ones refused. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class BreakableProxy {
  readonly #server: Server;
  readonly #ends = new Set<Socket>();
  #pulled = false;

  private constructor(to: number) {
    this.#server = createServer((near) => {
      if (this.#pulled) {
        near.resetAndDestroy();
        return;
      }
      const far = connect(to, "127.0.0.1");
      for (const [end, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#ends.add(end);
        end.on("error", () => {});
        end.on("close", () => {
          this.#ends.delete(end);
          other.destroy();
        });
      }
      near.pipe(far).pipe(near);
    });
  }

  static async open(to: string): Promise<BreakableProxy> {
    const cable = new BreakableProxy(Number(new URL(to).port));
    await new Promise<void>((done) => cable.#server.listen(0, "127.0.0.1", done));
    return cable;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  disconnect(): void {
    this.#pulled = true;
    for (const end of this.#ends) end.resetAndDestroy();
  }

  reconnect(): void {
    this.#pulled = false;
  }

  close(): void {
    this.disconnect();
    this.#server.close();
  }
}
