/** A link without a sidecar behind it, as the load of a hub. */
const POLICY = { lease_ms: null, lifetime_ms: null, started_keep_ms: 1_000, confirmed_keep_ms: 1_000, listed: true };

/** Reports any number of hosts. */
export class FakeSidecar {
  readonly #socket: WebSocket;
  #seq = 1;
  #acknowledged: (ack: number) => void = () => {};

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { t, ack } = JSON.parse(String(data)) as { t: string; ack: number | null };
      if (t !== "members" && ack !== null) this.#acknowledged(ack);
    });
  }

  static async open(port: number): Promise<FakeSidecar> {
    const init = { headers: { authorization: "Bearer key-of-the-bench" } };
    const link = new FakeSidecar(new WebSocket(`ws://127.0.0.1:${port}/v1/link/bench/0`, init));
    await new Promise((done) => link.#socket.addEventListener("open", done));
    const acknowledged = new Promise<number>((done) => (link.#acknowledged = done));
    const hello = {
      t: "hello",
      version: 1,
      sidecar: "bench",
      epoch: "bench-epoch",
      region: "",
      addresses: [],
      ports: [],
    };
    link.#socket.send(JSON.stringify(hello));
    await acknowledged;
    return link;
  }

  /** Reports hosts. With a count of 1 the lobby's name matches the subscribers' filter. */
  async host(count: number): Promise<void> {
    const name = count === 1 ? "single" : "lobby";
    for (let left = count; left > 0; left -= 100) {
      const items = Array.from({ length: Math.min(left, 100) }, (_, at) => report(`${name} ${this.#seq + at}`));
      const [seq, last] = [this.#seq, this.#seq + items.length - 1];
      this.#seq = last + 1;
      const stored = new Promise<void>((done) => (this.#acknowledged = (ack) => ack >= last && done()));
      this.#socket.send(JSON.stringify({ t: "reports", seq, items }));
      await stored;
    }
  }

  close(): void {
    this.#socket.close();
  }
}

function report(name: string): object {
  const endpoint = { address: "192.0.2.1", port: 7_000 };
  const about = { kind: "host", wire: "rabid", name, via: 3_478, endpoint, peer: "Alice" };
  return { ...about, seats: 4, lock: null, memory: null, policy: POLICY };
}
