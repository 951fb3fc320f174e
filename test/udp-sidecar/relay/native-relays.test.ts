import { describe, expect, test } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Allocate, Allocated, FromRelay } from "#shared/link/relay-messages.ts";
import { NATIVE_REQUEST_BYTES_MIN, RECEIPT_FRESH_MS, RELAY_OVERHEAD_BYTES } from "#shared/limits.ts";
import type { Ticket } from "#shared/auth/tickets.ts";
import { NativeRelays } from "../../../udp-sidecar/relay/native-relays.ts";
import { parseEnter, isEnterRequest } from "../../../udp-sidecar/protocols/native.ts";
import { T0 } from "../../support/exchange.ts";
import { signTicket, createVerifier } from "../../support/tickets.ts";
import { ALICE, at, BOB, SIDECAR, STRANGER, RelayHarness } from "../support/relays.ts";

const RELAY = `0-${"c".repeat(26)}`;
const OTHER = `0-${"d".repeat(26)}`;
const [alice, bob, carol] = ["a", "b", "c"].map((letter) => letter.repeat(26)) as [string, string, string];
const ADDRESSES = [SIDECAR, "2a00::1"];
const allocate = (parts: Partial<Allocate> = {}): Allocate => ({
  t: "allocate",
  relay: RELAY,
  sides: [{ peer: alice }, { peer: bob }],
  ...parts,
});

/** A sidecar with a relay, and the messages that it sent to the hub. */
class NativeHarness extends RelayHarness {
  readonly sent: FromRelay[] = [];
  readonly connections: NativeRelays;

  constructor(parts: ConstructorParameters<typeof RelayHarness>[0] = {}, addresses = ADDRESSES) {
    super(parts);
    const options = { relay: this.relay, addresses, lifetime_ms: 3_600_000, bytes_max: 1_000 };
    this.connections = new NativeRelays("arena", options, createVerifier());
  }

  handle(message: Parameters<NativeRelays["handleMessage"]>[0]): FromRelay | undefined {
    this.connections.handleMessage(message, (sent) => this.sent.push(sent), this.now);
    return this.sent.at(-1);
  }

  /** The endpoints of the two peers. */
  ends(parts: Partial<Allocate> = {}): Allocated["ends"] {
    const result = this.handle(allocate(parts));
    if (result?.t !== "allocated") throw new Error(JSON.stringify(result));
    return result.ends;
  }

  /** The reply to an `enter` at a side's port, word by word. */
  enters(end: Endpoint, from: Endpoint, ticket: string, receipt = receiptOf(from, alice, this.now)): string[] {
    const bytes = Buffer.from(["enter", ticket, receipt, "w"].join(" ").padEnd(NATIVE_REQUEST_BYTES_MIN));
    expect(isEnterRequest(bytes)).toBe(true);
    const answer = this.connections.handleEnter(end.port, from, parseEnter(bytes)!, this.now);
    if (answer === null) return [];
    expect(answer.length).toBeLessThanOrEqual(bytes.length);
    return Buffer.from(answer).toString("latin1").split(" ");
  }

  /** Both have entered from their endpoints. */
  open(parts: Partial<Allocate> = {}): Allocated["ends"] {
    const [a, b] = this.ends(parts);
    expect(this.enters(a, ALICE, ticket(alice))).toStrictEqual(["entered", "w"]);
    expect(this.enters(b, BOB, ticket(bob), receiptOf(BOB, bob))).toStrictEqual(["entered", "w"]);
    return [a, b];
  }
}

const ticket = (peer: string, parts: Partial<Ticket> = {}): string =>
  signTicket({ purpose: "relay", peer, lobby: RELAY, expires_at_s: T0 / 1_000 + 600, ...parts });
const receiptOf = (seen: Endpoint, peer = alice, now = T0): string => createVerifier().issueReceipt(peer, seen, now)!;
/** `bytes`: what a relay that has ended carried. */
const unallocated = (why: string, relay = RELAY, bytes?: number) => ({
  t: "unallocated",
  relay,
  why,
  ...(bytes !== undefined && { bytes }),
});

describe("a relay that the hub requests", () => {
  test("has an end for each peer, at an address of its family", () => {
    const [a, b] = new NativeHarness().ends();
    expect([a.address, b.address]).toStrictEqual([SIDECAR, SIDECAR]);
    expect(a.port).not.toBe(b.port);
    const mixed = new NativeHarness().ends({
      sides: [
        { peer: alice, family: "v6" },
        { peer: bob, family: "v4" },
      ],
    });
    expect(mixed.map(({ address }) => address)).toStrictEqual(["2a00::1", SIDECAR]);
    expect(new NativeHarness({}, ["2a00::1"]).ends().map(({ address }) => address)).toStrictEqual([
      "2a00::1",
      "2a00::1",
    ]);
  });

  test("is the same for a repeated request in either order, and another one under another name", () => {
    const house = new NativeHarness();
    const [a, b] = house.ends();
    expect(house.ends()).toStrictEqual([a, b]);
    expect(house.ends({ sides: [{ peer: bob }, { peer: alice }] })).toStrictEqual([b, a]);
    expect(house.ends({ relay: OTHER })).not.toContainEqual(a);
    expect([house.relay.size, house.connections.size]).toStrictEqual([2, 2]);
  });

  test("ends at once if the hub says so, and the hub learns what it carried", () => {
    const house = new NativeHarness();
    const [a] = house.open();
    house.send(ALICE, a.port);
    house.handle({ t: "release", relay: RELAY, now: true });
    expect(house.sent.at(-1)).toStrictEqual(unallocated("released", RELAY, 100 + RELAY_OVERHEAD_BYTES));
    expect(house.relay.size).toBe(0);
  });

  test("carries no more bytes than the hub allows", () => {
    const house = new NativeHarness();
    const bytes_max = 2 * (100 + RELAY_OVERHEAD_BYTES);
    expect(house.handle(allocate({ bytes_max }))).toMatchObject({ bytes_max });
    const [a] = house.open({ bytes_max });
    for (let sent = 0; sent < 3; sent++) house.send(ALICE, a.port);
    expect(house.sent.at(-1)).toStrictEqual(unallocated("bytes", RELAY, bytes_max));
    expect(house.handle(allocate({ bytes_max: 2_000 }))).toMatchObject({ bytes_max: 1_000 });
  });

  test("has a lifetime and a byte limit", () => {
    expect(new NativeHarness().handle(allocate())).toMatchObject({ lifetime_ms: 3_600_000, bytes_max: 1_000 });
  });

  test("ends when it is released, and the hub is notified; then it can be requested again", () => {
    const house = new NativeHarness();
    house.ends();
    house.handle({ t: "release", relay: RELAY });
    house.advance(2_999);
    expect(house.connections.size).toBe(1);
    house.advance(1);
    expect(house.sent.at(-1)).toStrictEqual(unallocated("released", RELAY, 0));
    expect([house.connections.size, house.relay.size, house.free.length]).toStrictEqual([0, 0, 100]);
    const { length } = house.sent;
    house.handle({ t: "release", relay: RELAY });
    expect(house.sent).toHaveLength(length);
    house.ends();
    house.advance(30_000);
    expect(house.sent.at(-1)).toStrictEqual(unallocated("idle", RELAY, 0));
  });

  test("continues after its release while a peer sends, and after a peer entered again", () => {
    const house = new NativeHarness();
    const [a] = house.open();
    house.handle({ t: "release", relay: RELAY });
    for (let sent = 0; sent < 5; sent++) {
      house.advance(2_000);
      house.send(ALICE, a.port);
    }
    expect(house.connections.size).toBe(1);
    expect(house.enters(a, ALICE, ticket(alice))).toStrictEqual(["entered", "w"]);
    house.advance(10_000);
    expect(house.connections.size).toBe(1);
  });

  test.each([
    ["nothing is relayed", new NativeRelays("arena", null, createVerifier()), allocate(), "off"],
    [
      "the two are one",
      new NativeHarness().connections,
      allocate({ sides: [{ peer: alice }, { peer: alice }] }),
      "mismatch",
    ],
    [
      "there is no address of a family",
      new NativeHarness({}, [SIDECAR]).connections,
      allocate({ sides: [{ peer: alice, family: "v6" }, { peer: bob }] }),
      "no_address",
    ],
    ["no address is known at all", new NativeHarness({}, []).connections, allocate(), "no_address"],
    ["all ports are used", new NativeHarness({ ports: 1 }).connections, allocate(), "exhausted"],
  ] as const)("is refused if %s", (_, connections, message, why) => {
    const sent: FromRelay[] = [];
    connections.handleMessage(message, (answer) => sent.push(answer), T0);
    expect(sent).toStrictEqual([unallocated(why)]);
    expect(connections.size).toBe(0);
  });

  test("is refused to other peers under the same name", () => {
    const house = new NativeHarness();
    house.ends();
    expect(house.handle(allocate({ sides: [{ peer: alice }, { peer: carol }] }))).toStrictEqual(
      unallocated("mismatch"),
    );
    expect(house.ends()).toHaveLength(2);
  });
});

describe("a peer of a relay", () => {
  test("is accepted at the endpoint where it entered with a receipt, and nobody else is", () => {
    const house = new NativeHarness();
    const [a, b] = house.open();
    expect(house.send(ALICE, a.port)).toStrictEqual([b.port, BOB]);
    expect(house.send(BOB, b.port)).toStrictEqual([a.port, ALICE]);
    for (const from of [STRANGER, { ...ALICE, port: 1 }, BOB]) expect(house.send(from, a.port)).toBe("stranger");
  });

  test("without a receipt for its endpoint gets one, and nothing is sent there before it is shown", () => {
    const house = new NativeHarness();
    const [a, b] = house.ends();
    house.enters(b, BOB, ticket(bob), receiptOf(BOB, bob));
    for (const receipt of [
      "-",
      receiptOf(STRANGER),
      receiptOf(ALICE, bob),
      receiptOf(ALICE, alice, T0 - RECEIPT_FRESH_MS - 1),
    ]) {
      const [verb, endpoint, given] = house.enters(a, ALICE, ticket(alice), receipt);
      expect([verb, endpoint, given]).toStrictEqual(["seen", "45.1.1.1:1111", receiptOf(ALICE)]);
      expect(house.send(BOB, b.port)).toBe("unproved");
    }
    expect(house.enters(a, ALICE, ticket(alice), receiptOf(ALICE))).toStrictEqual(["entered", "w"]);
    expect(house.send(BOB, b.port)).toStrictEqual([a.port, ALICE]);
  });

  test("is not moved by a replay of its request from elsewhere or under its address", () => {
    const house = new NativeHarness();
    const [a, b] = house.open();
    const words = [ticket(alice), receiptOf(ALICE)] as const;
    for (const from of [STRANGER, { ...ALICE, port: 7 }]) {
      expect(house.enters(a, from, ...words)[0]).toBe("seen");
      expect(house.send(from, a.port)).toBe("stranger");
    }
    expect(house.enters(a, ALICE, ...words)).toStrictEqual(["entered", "w"]);
    expect(house.send(BOB, b.port)).toStrictEqual([a.port, ALICE]);
  });

  test("continues from another endpoint after it entered there, at any address", () => {
    const house = new NativeHarness();
    const [a, b] = house.open();
    const elsewhere = at("46.1.1.1", 1);
    expect(house.send(elsewhere, a.port)).toBe("stranger");
    house.enters(a, elsewhere, ticket(alice), receiptOf(elsewhere));
    expect(house.send(BOB, b.port)).toStrictEqual([a.port, elsewhere]);
    expect(house.send(ALICE, a.port)).toBe("stranger");
  });

  test.each([
    ["the other one's ticket", ticket(bob)],
    ["a third one's ticket", ticket(carol)],
    ["a ticket of another relay", ticket(alice, { lobby: OTHER })],
    ["a ticket of another game", ticket(alice, { game: "other" })],
    ["a ticket that is over", ticket(alice, { expires_at_s: T0 / 1_000 })],
    ["a ticket of a session in a lobby of that name", ticket(alice, { purpose: "session" })],
    ["a forged ticket", `${ticket(alice).slice(0, -43)}${"A".repeat(43)}`],
  ])("is not accepted with %s", (_, shown) => {
    const house = new NativeHarness();
    const [a] = house.open();
    const bytes = { ticket: shown, receipt: receiptOf(STRANGER), word: undefined };
    expect(house.connections.handleEnter(a.port, STRANGER, bytes, T0)).toBe(null);
    expect(house.send(STRANGER, a.port)).toBe("stranger");
  });

  test("is not accepted after the relay has ended", () => {
    const house = new NativeHarness();
    const [a] = house.open();
    house.handle({ t: "release", relay: RELAY });
    house.advance(3_000);
    expect(house.enters(a, ALICE, ticket(alice))).toStrictEqual([]);
  });

  test("is refused at a private address, and if its address holds all its sides", () => {
    const house = new NativeHarness({ slots_per_source_max: 1 });
    const [a, b] = house.ends();
    expect(house.enters(a, at("10.0.0.1", 5), ticket(alice), receiptOf(at("10.0.0.1", 5)))).toStrictEqual([]);
    expect(house.enters(a, ALICE, ticket(alice))).toStrictEqual(["entered", "w"]);
    const beside = { ...ALICE, port: 2 };
    expect(house.enters(b, beside, ticket(bob), receiptOf(beside, bob))).toStrictEqual([]);
    // The peer itself may enter again.
    expect(house.enters(a, beside, ticket(alice), receiptOf(beside))).toStrictEqual(["entered", "w"]);
  });
});

describe("a stream", () => {
  const from = at("45.3.3.3", 80);
  const silent = () => ({
    sent: [] as Uint8Array[],
    send(bytes: Uint8Array) {
      this.sent.push(bytes);
    },
  });

  test("is the end of the peer that shows its ticket on it, until it enters over UDP again", () => {
    const house = new NativeHarness();
    const [a, b] = house.open();
    const stream = silent();
    expect(house.connections.joinStream(ticket(alice), from, stream, house.now)).toBe(a.port);
    expect(house.relay.route(b.port, BOB.address, BOB.port, 1, house.now)).toMatchObject({ endpoint: from, stream });
    expect(house.relay.route(a.port, from.address, from.port, 1, house.now, stream)).toMatchObject({ endpoint: BOB });
    // The same address and port, over UDP; and another stream.
    expect(house.send(from, a.port)).toBe("stranger");
    expect(house.relay.route(a.port, from.address, from.port, 1, house.now, silent())).toBe(null);
    house.enters(a, ALICE, ticket(alice));
    expect(house.send(BOB, b.port)).toStrictEqual([a.port, ALICE]);
    expect(house.relay.route(a.port, from.address, from.port, 1, house.now, stream)).toBe(null);
  });

  test("with an unknown ticket leads nowhere", () => {
    const house = new NativeHarness();
    house.open();
    for (const shown of [ticket(carol), ticket(alice, { lobby: OTHER }), ""]) {
      expect(house.connections.joinStream(shown, from, silent(), house.now)).toBe(null);
    }
  });
});
