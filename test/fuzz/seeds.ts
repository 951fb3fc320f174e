/** Where the fuzz targets begin: the inputs of the recorded sessions, and of the API's messages. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "./mutate.ts";

const TEST = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(TEST, path), "utf8");

/** What the clients send in a recording, without repetitions. */
const sent = (path: string, line: RegExp): string[] => [
  ...new Set(Array.from(read(path).matchAll(line), (match) => match[1]!)),
];

export const RABID = [
  ...sent("udp-sidecar/protocols/rabid-recorded.test.ts", /^ *[A-Z]> (.+)$/gm),
  ..."h:Nice:Alice:4:Pw12 c:Nice:Bob:Pw12 s:Nice:Alice k:Nice:Bob y:Nice:Bob x:Nice:Bob p:Nice:Alice ?".split(" "),
];
export const DOWSETT = sent("udp-sidecar/protocols/dowsett-recorded.test.ts", /^ *\d+> (\{.+\})$/gm).map(
  (text) => JSON.parse(text) as Json,
);
export const NORAY_PIDS = sent("udp-sidecar/noray/noray-recorded.test.ts", /^udp \d+ > (.+)$/gm);
export const NORAY_LINES = sent("udp-sidecar/noray/noray-recorded.test.ts", /^tcp \d+ > (.+)$/gm);
export const NOHUB_LINES = sent("udp-sidecar/nohub/nohub-recorded.txt", /^[A-Z]> (".+")$/gm).map(
  (text) => JSON.parse(text) as string,
);

const PEER = "a".repeat(26);
const LOBBY = `0-${"c".repeat(26)}`;
const ENDPOINT = { address: "192.0.2.1", port: 5_001 };
const POLICY = { lease_ms: 9_000, lifetime_ms: 60_000, started_keep_ms: 60_000, confirmed_keep_ms: 1, listed: true };
const REACH = { looks: [], local_endpoints: [ENDPOINT], now_ms: 1_000, rtt_ms: 20 };

/** Requests; `{peer}` and `{lobby}` stand for ones that exist. */
export const REQUESTS: readonly { readonly method: string; readonly path: string; readonly body: Json }[] = [
  {
    method: "GET",
    path: "/lobbies?limit=10&order=-created_at&data[map]=forest&member_count[gte]=1&near=skill:3",
    body: null,
  },
  { method: "GET", path: "/lobbies?include=full,in_game&name[contains]=x&data[a][in]=1,2,3&cursor=x", body: null },
  { method: "GET", path: "/lobbies/{lobby}", body: null },
  { method: "GET", path: "/me", body: null },
  { method: "GET", path: "/sidecars", body: null },
  { method: "POST", path: "/peers", body: null },
  {
    method: "POST",
    path: "/lobbies",
    body: {
      name: "Nice",
      seats: 4,
      visibility: "public",
      version: "1.2",
      approval: false,
      host_policy: "automatic",
      data: { map: "forest", level: 3, hard: true },
      data_rules: { map: { visibility: "public", index: true } },
      member_name: "Ann",
      member_data: { ship: "x" },
      client_ref: "ref",
    },
  },
  { method: "PUT", path: "/lobbies/by-key/arena", body: { name: "Arena", seats: 4, member_name: "Ann" } },
  { method: "POST", path: "/lobbies/{lobby}/members", body: { member_name: "Bob", version: "1.2", code: "ABC234" } },
  { method: "POST", path: "/join-by-code", body: { code: "ABC-234", member_name: "Bob" } },
  {
    method: "POST",
    path: "/quick-join",
    body: { filter: { "data[map]": "forest" }, create_if_none: { name: "Q", seats: 2 } },
  },
  {
    method: "PATCH",
    path: "/lobbies/{lobby}",
    body: { name: "Other", data: { map: null }, joinable: false, state: "in_game" },
  },
  { method: "PATCH", path: "/lobbies/{lobby}/members/{peer}", body: { name: "Cid", data: { ship: "y" } } },
  { method: "POST", path: "/lobbies/{lobby}/heartbeat", body: null },
  { method: "POST", path: "/lobbies/{lobby}/messages", body: { text: "hello" } },
  { method: "POST", path: "/lobbies/{lobby}/kick", body: { peer_id: PEER, message: "bye" } },
  { method: "PUT", path: "/lobbies/{lobby}/host", body: { peer_id: PEER, expected_term: 1 } },
  { method: "POST", path: "/lobbies/{lobby}/connections", body: { peer_id: PEER, reach: REACH, with_relay: true } },
  { method: "DELETE", path: "/lobbies/{lobby}/members/{peer}", body: null },
];

export const CLIENT_MESSAGES: readonly Json[] = [
  { type: "hello", seq: 1, data: {} },
  {
    type: "subscribe",
    seq: 2,
    data: { topic: "lobbies", filter: { "data[map]": "forest", include: "full" }, since: 1 },
  },
  { type: "subscribe", seq: 3, data: { topic: "lobby", lobby_id: LOBBY } },
  { type: "unsubscribe", seq: 4, data: { topic: "lobbies" } },
  { type: "chat", seq: 5, data: { lobby_id: LOBBY, text: "hello" } },
  { type: "signal", seq: 6, data: { lobby_id: LOBBY, to: PEER, body: "v=0" } },
  { type: "connect", seq: 7, data: { lobby_id: LOBBY, peer_id: PEER, reach: REACH } },
  { type: "accept", seq: 8, data: { connection_id: LOBBY, reach: REACH } },
  { type: "withdraw", seq: 9, data: { connection_id: LOBBY } },
];

const SOURCE = { wire: "rabid", via: 57_775, endpoint: ENDPOINT };
const PLACE = { ...SOURCE, name: "Nice", peer: "Alice", host: true, lease_ms: 9_000, memory: null };
const NAMED = { ...SOURCE, name: "Nice" };
export const FROM_SIDECAR: readonly Json[] = [
  {
    t: "hello",
    version: 1,
    sidecar: "hostile",
    epoch: "epoch-of-the-fuzzer",
    region: "weur",
    addresses: ["198.51.100.9"],
    ports: [{ port: 3_478, wires: ["rabid", "dowsett"] }],
    relay: { addresses: ["198.51.100.9"], pairs: 100 },
    directory: true,
  },
  {
    t: "reports",
    seq: 1,
    items: [
      { kind: "host", ...NAMED, peer: "Alice", seats: 4, lock: null, memory: null, policy: POLICY },
      { kind: "join", ...NAMED, peer: "Bob", lock: null, memory: null, reclaims: false },
    ],
  },
  { t: "reports", seq: 3, items: [{ kind: "start", ...NAMED }] },
  ...["leave", "kick", "confirm", "ask", "lost", "heard", "moved"].map((kind, at) => ({
    t: "reports",
    seq: 4 + at,
    items: [{ kind, ...NAMED, peer: "Bob" }],
  })),
  { t: "allocated", relay: LOBBY, ends: [ENDPOINT, ENDPOINT], lifetime_ms: 60_000, bytes_max: 1_000 },
  { t: "unallocated", relay: LOBBY, why: "exhausted" },
];
export const FROM_HUB: readonly Json[] = [
  { t: "welcome", version: 1, ack: 0, shards: 1, directory: true },
  { t: "members", last: true, items: [{ to: PLACE, notice: { kind: "hosted", peers: ["Alice"] } }] },
  {
    t: "told",
    ack: 3,
    items: [
      { to: PLACE, notice: { kind: "roster", peers: ["Alice", "Bob"] } },
      { to: PLACE, notice: { kind: "introduced", peers: [{ peer: "Bob", endpoint: ENDPOINT, local: ENDPOINT }] } },
      { to: PLACE, notice: { kind: "removed", reason: "kicked" } },
      { ref: 2, code: "lobby_not_found" },
      { ref: 3, peers: [{ peer: "Bob", endpoint: ENDPOINT }] },
    ],
  },
  { t: "directory", reset: true, items: [] },
  { t: "allocate", relay: LOBBY, sides: [{ peer: PEER }, { peer: "b".repeat(26), family: "v4" }] },
  { t: "release", relay: LOBBY },
];
