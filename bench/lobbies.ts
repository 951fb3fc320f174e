/**
 * Benchmarks the lobby API of one hub in plain workerd: lists, lobby lifecycles, and the fan-out of a change.
 *
 * Rate limits are off. The hub and the load generator share the machine.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentBundle } from "../tools/run/bundle.ts";
import { stopHub, startHub } from "../tools/run/hub.ts";
import { freePort } from "../tools/run/ports.ts";
import { waitForJson } from "../tools/run/processes.ts";
import { measureLatencies, type Latencies, printTable, formatInteger } from "./measure.ts";

const CONNECTIONS = 16;
const SUBSCRIBERS = 1_000;
/** Sockets that are opened concurrently, and consecutive changes that are sent to all subscribers. */
const OPENING = 50;
const CHANGES = 40;
const FILTER = "name[contains]=77&seats[gte]=4&limit=50";
const POLICY = { lease_ms: null, lifetime_ms: null, started_keep_ms: 1_000, confirmed_keep_ms: 1_000, listed: true };

export async function benchLobbies(): Promise<void> {
  const state = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const port = await freePort("tcp");
  const settings = { RATE_LIMITS: "off" } as const;
  const hub = await startHub({ bundle: await currentBundle(), state, port, keys: "key-of-the-bench", settings });
  const game = `http://127.0.0.1:${port}/v1/games/bench`;
  try {
    await waitForJson(`http://127.0.0.1:${port}/healthz`, (body) => body["ok"] === true, hub);
    const link = await FakeSidecar.open(port);
    const rows: string[][] = [];
    for (const count of [100, 10_000]) {
      await link.host(count);
      const list = `${game}/lobbies?limit=50`;
      const etag = (await fetch(list)).headers.get("etag")!;
      const of = `${formatInteger(count)} lobbies`;
      rows.push(latencyRow(`list of ${of}, a page of 50`, await measureGets(list)));
      rows.push(latencyRow(`list of ${of}, 304`, await measureGets(list, { "if-none-match": etag })));
      rows.push(latencyRow(`list of ${of}, filtered`, await measureGets(`${game}/lobbies?${FILTER}`)));
      // Each request has another filter, so that no cached page is used.
      const uncached = (at: number): string => `${game}/lobbies?name[contains]=77&seats[ne]=${at}`;
      let requested = 0;
      const cold = await measureLatencies(CONNECTIONS, () => get(uncached(requested++)));
      rows.push(latencyRow(`list of ${of}, filtered, not cached`, cold));
    }
    rows.push(...(await measureLifecycles(game)));
    const { all, open_s } = await measureFanOut(port, link);
    rows.push(latencyRow(`one change sent to ${formatInteger(SUBSCRIBERS)} subscribers`, all));
    printTable([["lobbies", "per second", "p50 ms", "p99 ms"], ...rows]);
    printTable([
      ["events sent per second", "sockets opened per second"],
      [formatInteger(all.per_s * SUBSCRIBERS), formatInteger(SUBSCRIBERS / open_s)],
    ]);
    link.close();
  } finally {
    await stopHub(hub);
    await rm(state, { recursive: true, force: true });
  }
}

/** Rates of lobby creation, and of joining and leaving another peer's lobby. */
async function measureLifecycles(game: string): Promise<string[][]> {
  const tokens = await Promise.all(Array.from({ length: CONNECTIONS }, () => peer(game)));
  const send = async (at: number, method: string, path: string, body?: object): Promise<{ lobby: { id: string } }> => {
    const headers = { authorization: `Bearer ${tokens[at]!.peer_token}`, "content-type": "application/json" };
    const response = await fetch(`${game}/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? { lobby: { id: "" } } : (JSON.parse(text) as { lobby: { id: string } });
  };
  const created = await measureLatencies(CONNECTIONS, async (at) => {
    // A lobby with the same client_ref replaces the previous one.
    await send(at, "POST", "lobbies", { name: `Lobby of ${at}`, seats: 8, client_ref: "bench" });
  });
  const homes = await Promise.all(tokens.map((_, at) => send(at, "POST", "lobbies", { name: "Home", seats: 8 })));
  const joined = await measureLatencies(CONNECTIONS, async (at) => {
    const { id } = homes[(at + 1) % CONNECTIONS]!.lobby;
    await send(at, "POST", `lobbies/${id}/members`, {});
    await send(at, "DELETE", `lobbies/${id}/members/${tokens[at]!.peer_id}`);
  });
  return [
    latencyRow("create over HTTP, the previous one replaced", created),
    latencyRow("join and leave over HTTP", joined),
  ];
}

/** Measures the time from a change until the last subscriber has received it. */
async function measureFanOut(port: number, link: FakeSidecar): Promise<{ all: Latencies; open_s: number }> {
  const began = performance.now();
  let onEvent: (() => void) | undefined;
  const sockets: WebSocket[] = [];
  while (sockets.length < SUBSCRIBERS) {
    sockets.push(...(await Promise.all(Array.from({ length: OPENING }, () => subscribe(port, () => onEvent?.())))));
  }
  const open_s = (performance.now() - began) / 1_000;
  const took: number[] = [];
  const first = performance.now();
  for (let change = 0; change < CHANGES; change++) {
    const started = performance.now();
    await new Promise<void>((done, fail) => {
      let missing = SUBSCRIBERS;
      onEvent = () => void (--missing === 0 && done());
      link.host(1).catch(fail);
    });
    took.push(performance.now() - started);
  }
  const per_s = CHANGES / ((performance.now() - first) / 1_000);
  for (const socket of sockets) socket.close();
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.floor(took.length * share)]!;
  return { all: { per_s, p50: at(0.5), p99: at(0.99) }, open_s };
}

/** A socket that is subscribed to the lobbies that are created one at a time. */
function subscribe(port: number, onEvent: () => void): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/games/bench/events`, "parley.v1");
  return new Promise((done, fail) => {
    socket.addEventListener("error", () => fail(new Error("a subscriber's socket failed")));
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ type: "hello", data: {} }));
      socket.send(
        JSON.stringify({ type: "subscribe", data: { topic: "lobbies", filter: { "name[contains]": "single" } } }),
      );
    });
    socket.addEventListener("message", ({ data }) => {
      const text = String(data);
      if (text.startsWith('{"type":"snapshot"')) done(socket);
      else if (text.startsWith('{"type":"lobby.added"')) onEvent();
    });
  });
}

/** A link without a sidecar behind it: it reports any number of hosts. */
class FakeSidecar {
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

const measureGets = (url: string, headers: Record<string, string> = {}): Promise<Latencies> =>
  measureLatencies(CONNECTIONS, () => get(url, headers));

async function get(url: string, headers: Record<string, string> = {}): Promise<void> {
  const response = await fetch(url, { headers });
  await response.arrayBuffer();
  if (response.status !== 200 && response.status !== 304) throw new Error(`${url}: ${response.status}`);
}

async function peer(game: string): Promise<{ peer_id: string; peer_token: string }> {
  return (await fetch(`${game}/peers`, { method: "POST" })).json() as Promise<{ peer_id: string; peer_token: string }>;
}

const latencyRow = (label: string, { per_s, p50, p99 }: Latencies): string[] => [
  label,
  formatInteger(per_s),
  p50.toFixed(2),
  p99.toFixed(2),
];
