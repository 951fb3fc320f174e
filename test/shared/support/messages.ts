/** One of every message, report, notice and refusal of the link. */
import type { FromHub, FromSidecar, Hello, MemberNotice, MemberPlace, Report } from "#shared/link/messages.ts";
import type { Notice } from "#shared/lobby/notices.ts";
import { POLICY } from "./lobbies.ts";

const ABOUT = {
  wire: "rabid",
  name: "Nice",
  via: 3_478,
  endpoint: { address: "192.0.2.1", port: 7_000 },
} as const;

export const HOSTED: Report = {
  ...ABOUT,
  kind: "host",
  peer: "Alice",
  seats: 4,
  lock: "digest",
  memory: "note",
  policy: POLICY,
};

export const JOINED: Report = { ...ABOUT, kind: "join", peer: "Bob", lock: null, memory: null, reclaims: false };

const REPORTS: readonly Report[] = [
  HOSTED,
  { ...HOSTED, lock: null, memory: null, policy: { ...POLICY, lease_ms: null, lifetime_ms: null } },
  JOINED,
  { ...JOINED, endpoint: { address: "2001:db8::1", port: 65_535 }, lock: "digest", memory: "note", reclaims: true },
  ...(["leave", "kick", "confirm", "ask", "lost", "heard"] as const).map((kind) => ({ ...ABOUT, kind, peer: "Bob" })),
  { ...ABOUT, kind: "start" },
];

export const PLACE: MemberPlace = { ...ABOUT, peer: "Alice", host: true, lease_ms: 5_000, memory: "note" };

const NOTICES: readonly Notice[] = [
  { kind: "hosted", peers: ["Alice"] },
  { kind: "roster", peers: ["Alice", "Bob"] },
  {
    kind: "introduced",
    peers: [
      { peer: "Alice", endpoint: { address: "192.0.2.1", port: 7_000 } },
      { peer: "Bob", endpoint: { address: "2001:db8::1", port: 7_000 } },
    ],
  },
  { kind: "removed", reason: "kicked" },
];

const TELLS: readonly MemberNotice[] = NOTICES.map((notice) => ({ to: PLACE, notice }));

export const HELLO: Hello = {
  t: "hello",
  version: 1,
  sidecar: "eu-1.example",
  epoch: "aZ_-0123",
  region: "weur",
  addresses: ["192.0.2.10", "2001:db8::10"],
  ports: [
    { port: 3_478, wires: ["native", "rabid", "dowsett", "noray"] },
    { port: 57_775, wires: ["rabid"] },
  ],
};

const RELAY = `0-${"c".repeat(26)}`;

export const FROM_SIDECAR: readonly FromSidecar[] = [
  HELLO,
  { ...HELLO, dtls: { name: "rendezvous", fingerprint: Array(32).fill("0F").join(":"), pem: "PEM\n", required: true } },
  { t: "reports", seq: 0, items: REPORTS },
  { t: "reports", seq: Number.MAX_SAFE_INTEGER, items: [] },
  { t: "bye" },
  {
    t: "allocated",
    relay: RELAY,
    ends: [
      { address: "192.0.2.10", port: 49_152 },
      { address: "2001:db8::10", port: 65_535 },
    ],
    lifetime_ms: 14_400_000,
    bytes_max: 4_294_967_296,
  },
  { t: "unallocated", relay: RELAY, why: "exhausted" },
];

export const FROM_HUB: readonly FromHub[] = [
  { t: "welcome", version: 1, ack: 0, shards: 1 },
  { t: "members", items: TELLS, last: false },
  {
    t: "members",
    items: [{ to: { ...PLACE, host: false, lease_ms: null, memory: null }, notice: NOTICES[1]! }],
    last: true,
  },
  { t: "told", ack: 7, items: [...TELLS, { ref: 7, code: "lobby_full" }] },
  { t: "told", ack: null, items: [] },
  { t: "allocate", relay: RELAY, sides: [{ peer: "a".repeat(26) }, { peer: "b".repeat(26) }] },
  { t: "release", relay: RELAY },
];
