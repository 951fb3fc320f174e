/** A cable between a browser and the hub, which can be pulled: what is open breaks, and nothing new gets through. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class Cable {
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

  static async lay(to: string): Promise<Cable> {
    const cable = new Cable(Number(new URL(to).port));
    await new Promise<void>((done) => cable.#server.listen(0, "127.0.0.1", done));
    return cable;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  pull(): void {
    this.#pulled = true;
    for (const end of this.#ends) end.resetAndDestroy();
  }

  mend(): void {
    this.#pulled = false;
  }

  close(): void {
    this.pull();
    this.#server.close();
  }
}
