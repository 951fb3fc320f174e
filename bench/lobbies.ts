/**
 * Benchmarks the lobby API of one hub in plain workerd: lists, lobby lifecycles, and the fan-out of a change.
 *
 * Rate limits are off. The hub and the load generator share the machine.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentBundle } from "../tools/run/bundle.ts";
import { stopHub, startHub } from "../tools/run/hub.ts";
import { freePort } from "../tools/run/ports.ts";
import { waitForJson } from "../tools/run/processes.ts";
import { FakeSidecar } from "./hub/fake-sidecar.ts";
import { cpuSeconds, measureLatencies, type Latencies, printTable, formatInteger } from "./measure.ts";

const CONNECTIONS = 16;
const SUBSCRIBERS = 1_000;
/** Sockets that are opened concurrently, and consecutive changes that are sent to all subscribers. */
const OPENING = 50;
const CHANGES = 40;
const FILTER = "name[contains]=77&seats[gte]=4&limit=50";

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
      rows.push(...(await measureLists(`${game}/lobbies`, `list of ${formatInteger(count)} lobbies`, hub)));
    }
    rows.push(...(await measureLifecycles(game)));
    const { all, open_s } = await measureFanOut(port, link);
    rows.push(latencyRow(`one change sent to ${formatInteger(SUBSCRIBERS)} subscribers`, all));
    printTable([["lobbies", "per second", "p50 ms", "p99 ms", "per CPU-second"], ...rows]);
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

/** Each request of a "new" filter has one that no cached page answers. */
const NEW_FILTERS: Readonly<Record<string, (at: number) => string>> = {
  "an equality": (at) => `seats=${2 + (at % 7)}&member_count[ne]=${at}`,
  "a range": (at) => `seats[gte]=4&member_count[lt]=${100 + at}`,
  "a text in names": (at) => `name[contains]=77&member_count[ne]=${at}`,
  "another text each time": (at) => `name[contains]=${(at * 7_919) % 10_000}`,
};

async function measureLists(list: string, label: string, hub: ChildProcess): Promise<string[][]> {
  const page = `${list}?limit=50`;
  const etag = (await fetch(page)).headers.get("etag")!;
  const measured: [string, (at: number) => Promise<void>][] = [
    ["a page of 50", () => get(page)],
    ["304", () => get(page, { "if-none-match": etag })],
    // What a request costs that reaches the hub and finds nothing there.
    ["a lobby that does not exist", (at) => get(`${list}/0-${String(at).padStart(26, "a")}`, {}, 404)],
    ["filtered", () => get(`${list}?${FILTER}`)],
    ...Object.entries(NEW_FILTERS).map(([name, filter]): [string, (at: number) => Promise<void>] => [
      `new filter: ${name}`,
      (at) => get(`${list}?${filter(at)}&limit=50`),
    ]),
  ];
  const rows: string[][] = [];
  for (const [name, request] of measured) {
    let requested = 0;
    const [began, cpu] = [performance.now(), cpuSeconds(hub)];
    const latencies = await measureLatencies(CONNECTIONS, () => request(requested++));
    const per_cpu_s = (latencies.per_s * (performance.now() - began)) / 1_000 / (cpuSeconds(hub) - cpu);
    rows.push(latencyRow(`${label}, ${name}`, latencies, formatInteger(per_cpu_s)));
  }
  return rows;
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

async function get(url: string, headers: Record<string, string> = {}, status = 200): Promise<void> {
  const response = await fetch(url, { headers });
  await response.arrayBuffer();
  if (response.status !== status && response.status !== 304) throw new Error(`${url}: ${response.status}`);
}

async function peer(game: string): Promise<{ peer_id: string; peer_token: string }> {
  return (await fetch(`${game}/peers`, { method: "POST" })).json() as Promise<{ peer_id: string; peer_token: string }>;
}

const latencyRow = (label: string, { per_s, p50, p99 }: Latencies, per_cpu_s = ""): string[] => [
  label,
  formatInteger(per_s),
  p50.toFixed(2),
  p99.toFixed(2),
  per_cpu_s,
];
