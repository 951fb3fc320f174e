import { describe, expect, test } from "vitest";
import { decode, type Decoded } from "#shared/schema/decode.ts";
import { VIA_MAX } from "#shared/net/local-port.ts";
import * as limits from "#shared/limits.ts";
import { LinkCloseCode, LINK_VERSION, LINK_VERSION_OLDEST, linkPath } from "#shared/link/messages.ts";
import { fromHub, fromSidecar } from "#shared/link/decoders.ts";
import { WIRES } from "#shared/lobby/lobby.ts";
import { REFUSALS, REMOVALS } from "#shared/refusals.ts";
import { POLICY } from "../support/lobbies.ts";
import { FROM_HUB, FROM_SIDECAR, HELLO, HOSTED, JOINED, PLACE } from "../support/messages.ts";

describe("every message", () => {
  test.each(messages())("%s survives encoding and decoding", (_, { decoded, message }) => {
    expect(decoded(message)).toStrictEqual({ ok: true, value: message });
  });

  test.each(messages())("%s may have unknown keys at every depth", (_, { decoded, message }) => {
    const more = everywhere(message, (object) => ({ ...object, added: { later: [1] }, ["__proto__"]: 1 }));
    expect(decoded(more)).toStrictEqual({ ok: true, value: message });
  });

  test.each(messages())("%s is refused without a required key", (_, { decoded, message }) => {
    const taken = places(message).filter(({ without }) => without !== undefined && decoded(without).ok);
    expect(taken.map(({ path }) => path).filter((path) => path !== ".dtls")).toStrictEqual([]);
  });

  test.each(messages())("%s is refused with a value of another type anywhere", (_, { decoded, message }) => {
    const wrong = [{}, [[]], -1, 1.5, true, "\u0000"];
    for (const { path, value, put } of places(message)) {
      // Where null stands, text may stand too; it is the one exception.
      const others = wrong.filter(
        (other) => typeof other !== (value === null ? "string" : typeof value) || other === -1,
      );
      for (const other of [...others, ...(typeof value === "object" ? [{}] : [])]) {
        expect([path, other, decoded(put(other)).ok]).toStrictEqual([path, other, false]);
      }
    }
  });

  test.each(messages())("%s is refused with null where null is not allowed", (_, { decoded, message }) => {
    const taken = places(message).filter(({ put }) => decoded(put(null)).ok);
    expect(
      taken.map(({ path }) => path).filter((path) => !/\.(lock|memory|lease_ms|lifetime_ms|ack|seats)$/.test(path)),
    ).toStrictEqual([]);
  });

  test.each(messages())("%s is refused by the side that sends it", (_, { decoded, message }) => {
    const other = decoded === sidecarSaid ? hubSaid : sidecarSaid;
    expect(other(message).ok).toBe(false);
  });
});

describe("both sides refuse", () => {
  test.each([
    ["an unknown message", { t: "goodbye" }],
    ["one without a kind", {}],
    ["one inside a list", [{ t: "bye" }]],
    ["a kind that every object has", { t: "constructor" }],
    ["a kind that is the prototype", { t: "__proto__" }],
    ["null", null],
    ["text", "bye"],
  ])("%s", (_, message) => {
    expect([sidecarSaid(message).ok, hubSaid(message).ok]).toStrictEqual([false, false]);
  });

  test("a kind that is a property of a prototype", () => {
    expect(decode('{"__proto__":{"t":"bye"}}', fromSidecar, limits.LINK_FRAME_LENGTH_MAX).ok).toBe(false);
  });

  test("a frame that is too long, even of spaces", () => {
    const sent = JSON.stringify({ t: "bye" }).padEnd(limits.LINK_FRAME_LENGTH_MAX + 1);
    expect(decode(sent, fromSidecar, limits.LINK_FRAME_LENGTH_MAX).ok).toBe(false);
    expect(decode(sent.slice(0, -1), fromSidecar, limits.LINK_FRAME_LENGTH_MAX).ok).toBe(true);
  });
});

describe("a `__proto__` key", () => {
  test("changes no other object", () => {
    const sent = '{"t":"bye","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    expect(decode(sent, fromSidecar, 1_000)).toStrictEqual({ ok: true, value: { t: "bye" } });
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe("a report", () => {
  test("is refused beyond each maximum length", () => {
    expect(taken({ name: "n".repeat(limits.NAME_LENGTH_MAX) })).toBe(true);
    expect(taken({ name: "n".repeat(limits.NAME_LENGTH_MAX + 1) })).toBe(false);
    expect(taken({ peer: "n".repeat(limits.NAME_LENGTH_MAX + 1) })).toBe(false);
    expect(taken({ memory: "m".repeat(limits.MEMORY_LENGTH_MAX) })).toBe(true);
    expect(taken({ memory: "m".repeat(limits.MEMORY_LENGTH_MAX + 1) })).toBe(false);
    expect(taken({ lock: "l".repeat(128) })).toBe(true);
    expect(taken({ lock: "l".repeat(129) })).toBe(false);
  });

  test.each(["", "a\nb", "a\u0000", "\u007f", "\u0085"])("has no name like %j", (name) => {
    expect([taken({ name }), taken({ peer: name })]).toStrictEqual([false, false]);
  });

  test.each(["a", " ", "a:b;c", "Größe", "🎲", "__proto__"])("may have a name like %j", (name) => {
    expect([taken({ name }), taken({ peer: name })]).toStrictEqual([true, true]);
  });

  test.each(["::ffff:192.0.2.1", "2001:DB8::1", "192.0.2.01", "example.org", "", "fe80::1%eth0"])(
    "is refused with the address %j",
    (address) => {
      expect(taken({ endpoint: { address, port: 7_000 } })).toBe(false);
    },
  );

  // FRAME_ITEMS_MAX counts on a name of at most 256 characters of JSON; half a character takes six each.
  test("is refused with an unpaired surrogate in a name", () => {
    expect([taken({ name: "a\ud800" }), taken({ peer: "\udc00".repeat(128) })]).toStrictEqual([false, false]);
  });

  test.each([0, 65_536, -1])("is refused with the port %i", (port) => {
    expect(taken({ endpoint: { address: "192.0.2.1", port } })).toBe(false);
  });

  test.each([0, VIA_MAX + 1, -1])("is refused with the local port code %i", (via) => {
    expect([taken({ via }), taken({ via: VIA_MAX })]).toStrictEqual([false, true]);
  });

  test("is refused with an unknown wire or kind", () => {
    for (const wire of WIRES) expect(taken({ wire })).toBe(true);
    for (const wire of ["", "stun", "RABID", null]) expect(taken({ wire })).toBe(false);
    for (const kind of ["", "tick", "away", "back", "constructor", null]) expect(taken({ kind })).toBe(false);
  });

  test("of a host is refused beyond the limits of seats and durations", () => {
    for (const seats of [1, limits.SEATS_MAX]) expect(hosting({ seats })).toBe(true);
    for (const seats of [0, limits.SEATS_MAX + 1]) expect(hosting({ seats })).toBe(false);
    const week_ms = 7 * 24 * 3_600_000;
    for (const key of ["lease_ms", "lifetime_ms", "started_keep_ms", "confirmed_keep_ms"]) {
      for (const ms of [1, week_ms]) expect(hosting({ policy: { ...POLICY, [key]: ms } })).toBe(true);
      for (const ms of [0, week_ms + 1]) expect(hosting({ policy: { ...POLICY, [key]: ms } })).toBe(false);
    }
    expect(hosting({ policy: { ...POLICY, lease_ms: null, lifetime_ms: null } })).toBe(true);
    expect(hosting({ policy: { ...POLICY, started_keep_ms: null } })).toBe(false);
  });

  test("is refused beyond the size of a batch", () => {
    const { BATCH_REPORTS_MAX: reports_max } = limits;
    expect([reports_max, reports_max + 1].map((size) => reports(size, JOINED))).toStrictEqual([true, false]);
  });

  test("fits a frame with a full batch of the longest names", () => {
    // In JSON a quote takes two characters, and a lone surrogate six, more than anything else.
    const long = { name: '"'.repeat(limits.NAME_LENGTH_MAX), peer: '"'.repeat(limits.NAME_LENGTH_MAX) };
    const worst = { ...HOSTED, ...long, memory: "\ud800".repeat(limits.MEMORY_LENGTH_MAX), lock: "\ud800".repeat(128) };
    expect(reports(limits.BATCH_REPORTS_MAX, worst)).toBe(true);
  });
});

describe("a hello", () => {
  test("is refused with an invalid sidecar name or epoch", () => {
    for (const sidecar of ["", "a b", "a/b", "é", "s".repeat(65)]) expect(greets({ sidecar })).toBe(false);
    for (const epoch of ["", "short12", "with blank", "e".repeat(65)]) expect(greets({ epoch })).toBe(false);
  });

  test("is refused with a long version or region", () => {
    for (const version of [-1, 1_001]) expect(greets({ version })).toBe(false);
    expect([16, 17].map((size) => greets({ region: "r".repeat(size) }))).toStrictEqual([true, false]);
    expect([64, 65].map((size) => greets({ addresses: ["a".repeat(size)] }))).toStrictEqual([true, false]);
  });

  test("is refused with a tunnel that is no WebSocket URL", () => {
    for (const tunnel of ["ws://192.0.2.10:8891/", "wss://relay.example/way"]) expect(greets({ tunnel })).toBe(true);
    for (const tunnel of ["https://relay.example/", "wss://", "wss://relay.example/a b"]) {
      expect(greets({ tunnel })).toBe(false);
    }
    expect(greets({ tunnel: `wss://${"r".repeat(limits.URL_LENGTH_MAX)}` })).toBe(false);
  });

  test("is refused with too many ports or addresses", () => {
    expect([64, 65].map((size) => greets({ ports: times(size, { port: 1, wires: [] }) }))).toStrictEqual([true, false]);
    expect([16, 17].map((size) => greets({ addresses: times(size, "192.0.2.1") }))).toStrictEqual([true, false]);
    expect(greets({ ports: [{ port: 1, wires: times(65, "rabid") }] })).toBe(false);
  });
});

describe("a message of the hub", () => {
  test("may refuse with every code of the table and no other", () => {
    expect(Object.keys(REFUSALS).filter((code) => !tells({ ref: 1, code }))).toStrictEqual([]);
    expect(["", "nope", "toString"].filter((code) => tells({ ref: 1, code }))).toStrictEqual([]);
  });

  test("may remove for every reason of the table and no other", () => {
    expect(REMOVALS.filter((reason) => !tells(removed(reason)))).toStrictEqual([]);
    expect(["", "bored"].filter((reason) => tells(removed(reason)))).toStrictEqual([]);
  });

  test("is refused with too many items", () => {
    const { FRAME_ITEMS_MAX: items_max, SEATS_MAX: peers_max } = limits;
    expect([items_max, items_max + 1].map(holdsMembers)).toStrictEqual([true, false]);
    expect([peers_max, peers_max + 1].map((size) => tells(roster(size)))).toStrictEqual([true, false]);
    // Short enough for a frame, and wrong in its first item too: the number must be what is complained of.
    const many = { t: "told", ack: 1, items: times(items_max + 1, 0) };
    expect(hubSaid(many)).toMatchObject({ ok: false, why: expect.stringMatching(/^items: a list/) });
  });

  test("is refused with more shards than the maximum", () => {
    const { SHARDS_MAX: shards_max } = limits;
    const taken = [0, 1, shards_max, shards_max + 1].filter(
      (shards) => hubSaid({ t: "welcome", version: 1, ack: 0, shards }).ok,
    );
    expect(taken).toStrictEqual([1, shards_max]);
  });

  test("is refused with more than two ticket keys, or with malformed ones", () => {
    const key = { id: "mxYW54lW", secret: "k".repeat(43) };
    const greets = (...ticket_keys: unknown[]): boolean =>
      hubSaid({ t: "welcome", version: 1, ack: 0, shards: 1, ticket_keys }).ok;
    expect([greets(), greets(key), greets(key, key), greets(key, key, key)]).toStrictEqual([true, true, true, false]);
    expect([greets({ ...key, id: "short" }), greets({ ...key, secret: "short" })]).toStrictEqual([false, false]);
  });
});

describe("a relay message", () => {
  const [alice, bob] = [{ peer: "a".repeat(26) }, { peer: "b".repeat(26) }];
  const asked = (parts: object): boolean =>
    hubSaid({ t: "allocate", relay: `0-${"c".repeat(26)}`, sides: [alice, bob], ...parts }).ok;

  test("names two sides, each with or without an address family", () => {
    expect(
      asked({
        sides: [
          { ...alice, family: "v4" },
          { ...bob, family: "v6" },
        ],
      }),
    ).toBe(true);
    for (const sides of [[], [alice], [alice, bob, bob], [alice, null], [alice, { ...bob, family: "v5" }]]) {
      expect([sides, asked({ sides })]).toStrictEqual([sides, false]);
    }
  });

  test("names a connection id and peer ids", () => {
    expect(["", "c".repeat(26), "0-short", `0-${"c".repeat(41)}`].filter((relay) => asked({ relay }))).toStrictEqual(
      [],
    );
    expect(["", "Alice", "a".repeat(41)].filter((peer) => asked({ sides: [alice, { peer }] }))).toStrictEqual([]);
  });
});

test("close codes are distinct and in the private range", () => {
  const codes = Object.values(LinkCloseCode);
  expect(new Set(codes).size).toBe(codes.length);
  expect(codes.filter((code) => code < 4_000 || code > 4_999)).toStrictEqual([]);
});

test("a link has a path per game and shard, and a supported version", () => {
  expect(linkPath("chess", 3)).toBe("/v1/link/chess/3");
  expect(LINK_VERSION_OLDEST).toBeLessThanOrEqual(LINK_VERSION);
});

// --- makers ----------------------------------------------------------------------------------------------------

type Decode = (message: unknown) => Decoded<unknown>;
type Sample = readonly [name: string, sample: { decoded: Decode; message: object }];

function sidecarSaid(message: unknown): Decoded<unknown> {
  return decode(JSON.stringify(message), fromSidecar, limits.LINK_FRAME_LENGTH_MAX);
}

function hubSaid(message: unknown): Decoded<unknown> {
  return decode(JSON.stringify(message), fromHub, limits.LINK_FRAME_LENGTH_MAX);
}

/** Whether the hub accepts a join report with these parts, or a host report. */
function taken(parts: object): boolean {
  return reports(1, { ...JOINED, ...parts });
}

function hosting(parts: object): boolean {
  return reports(1, { ...HOSTED, ...parts });
}

function reports(size: number, report: object): boolean {
  return sidecarSaid({ t: "reports", seq: 1, items: times(size, report) }).ok;
}

function greets(parts: object): boolean {
  return sidecarSaid({ ...HELLO, ...parts }).ok;
}

/** Whether a sidecar accepts this from the hub. */
function tells(item: object): boolean {
  return hubSaid({ t: "told", ack: null, items: [item] }).ok;
}

function holdsMembers(size: number): boolean {
  return hubSaid({ t: "members", last: true, items: times(size, roster(1)) }).ok;
}

const roster = (size: number): object => ({ to: PLACE, notice: { kind: "roster", peers: times(size, "A") } });
const removed = (reason: string): object => ({ to: PLACE, notice: { kind: "removed", reason } });
const times = <T>(size: number, value: T): T[] => Array.from({ length: size }, () => value);

function messages(): Sample[] {
  return [
    ...FROM_SIDECAR.map((message): Sample => [message.t, { decoded: sidecarSaid, message }]),
    ...FROM_HUB.map((message): Sample => [message.t, { decoded: hubSaid, message }]),
  ];
}

type Spot = {
  readonly path: string;
  readonly value: unknown;
  /** The message with something else there, and without anything there; the latter only for keys of objects. */
  readonly put: (other: unknown) => unknown;
  readonly without: unknown;
};

/** The path of every value in a message. */
function places(message: unknown, path = ""): Spot[] {
  const here: Spot = { path, value: message, put: (other) => other, without: undefined };
  if (typeof message !== "object" || message === null) return [here];
  const inside = Object.entries(message).flatMap(([key, value]) => {
    const put = (other: unknown): unknown =>
      Array.isArray(message) ? message.with(Number(key), other) : { ...message, [key]: other };
    return places(value, `${path}.${key}`).map((spot) => ({
      ...spot,
      put: (other: unknown) => put(spot.put(other)),
      // JSON leaves out what is undefined, but makes it null within a list.
      without:
        spot.without !== undefined
          ? put(spot.without)
          : spot.value === value && !Array.isArray(message)
            ? put(undefined)
            : undefined,
    }));
  });
  return [here, ...inside];
}

/** Changes every object of a message, also those in lists. */
function everywhere(value: unknown, change: (object: object) => object): unknown {
  if (Array.isArray(value)) return value.map((item) => everywhere(item, change));
  if (typeof value !== "object" || value === null) return value;
  return change(Object.fromEntries(Object.entries(value).map(([key, part]) => [key, everywhere(part, change)])));
}
