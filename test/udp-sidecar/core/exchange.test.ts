/** Behaviour of the exchange that the conformance suite of the wires does not cover. */
import { describe, expect, test } from "vitest";
import type { MemberNotice } from "#shared/link/messages.ts";
import type { Notice } from "#shared/lobby/notices.ts";
import { Exchange } from "../../../udp-sidecar/core/exchange.ts";
import type { Action, Wire } from "../../../udp-sidecar/protocols/wire.ts";
import { rabid } from "../../../udp-sidecar/protocols/rabid.ts";
import { SendCredit } from "../../../udp-sidecar/core/send-credit.ts";
import { Counters } from "../../../udp-sidecar/core/counters.ts";
import { endpointOf, HOME, LIMITS, letterOf, Rig, T0, textOf } from "../../support/exchange.ts";
import { runScript, openSession } from "../support/wire-script.ts";

describe("a datagram", () => {
  const wireOf = (name: "noray" | "dowsett", first: number, heard: Action = { do: "drop", why: name }): Wire => ({
    name,
    claims: (bytes) => bytes[0] === first,
    handleDatagram: () => heard,
    encodeNotice: () => ({ datagrams: [] }),
    encodeAnswer: () => [],
  });

  test("is handled by the first wire of its port that claims it", () => {
    const { exchange, counters } = exchangeOf([rabid, wireOf("noray", 1), wireOf("dowsett", 1)]);
    exchange.handleDatagram(datagramOf("\x01"), ["dowsett", "noray"], T0);
    expect([...counters.entries("dropped")]).toStrictEqual([["dowsett", 1]]);
    exchange.handleDatagram(datagramOf("\x01"), ["rabid", "noray"], T0);
    expect([...counters.entries("dropped")]).toStrictEqual([
      ["dowsett", 1],
      ["noray", 1],
    ]);
  });

  test("that no wire of its port claims is dropped and counted, even if another wire would claim it", () => {
    const { exchange, counters, sent } = exchangeOf([rabid, wireOf("noray", 1)]);
    exchange.handleDatagram(datagramOf("h:Nice:Alice:4"), ["noray"], T0);
    exchange.handleDatagram(datagramOf("\x02"), ["rabid", "noray"], T0);
    expect(counters.get("dropped", "unclaimed")).toBe(2);
    expect(sent).toStrictEqual([]);
  });

  test("on a port of one wire is handled by that wire even if unclaimed, or dropped if the wire is off", () => {
    const { exchange, counters } = exchangeOf([rabid, wireOf("noray", 1)]);
    exchange.handleDatagram({ ...datagramOf("\x02"), exclusive: true }, ["noray"], T0);
    expect(counters.get("dropped", "noray")).toBe(1);
    exchange.handleDatagram({ ...datagramOf("\x02"), exclusive: true }, ["dowsett"], T0);
    expect(counters.get("dropped", "unclaimed")).toBe(1);
  });

  test("is counted by its outcome", () => {
    const { exchange, counters } = exchangeOf([rabid]);
    for (const text of ["h:Nice:Alice:4", "h:Nice", "z:Nice"]) exchange.handleDatagram(datagramOf(text), ["rabid"], T0);
    exchange.deliverNotice(rosterFor("A"), T0);
    exchange.handleDatagram(datagramOf("p:Nice:A"), ["rabid"], T0);
    expect(Object.fromEntries(counters.entries("datagrams"))).toStrictEqual({
      reported: 1,
      answered: 1,
      dropped: 1,
      renewed: 1,
    });
    expect(Object.fromEntries(counters.entries("reports"))).toStrictEqual({ host: 1 });
  });

  test("is dropped without a reply if the outbox is full", () => {
    const { exchange, counters, sent } = exchangeOf([rabid], { taking: false });
    exchange.handleDatagram(datagramOf("h:Nice:Alice:4"), ["rabid"], T0);
    expect([counters.get("dropped", "no_hub"), counters.get("datagrams", "reported"), sent]).toStrictEqual([1, 0, []]);
  });
});

describe("a member that uses DTLS", () => {
  test("is answered over DTLS, and its datagrams in clear text are dropped", () => {
    const rig = runScript(`
      A/69014> h:Nice:Alice:4
      A/69014< i:Alice
      A/69014> p:Nice:Alice
      A/69014< i:Alice
      A> p:Nice:Alice
      A> s:Nice:Alice
      A> x:Nice:Alice
      B> c:Nice:Bob
      A/69014< i:Alice:Bob
      B< i:Alice:Bob
      A> p:Nice:Alice
      @+9s, every 500ms: B> p:Nice:Bob
      B< i:Alice:Bob (x17)
      A/69014< error:player_timeout
      B< i:Bob (x2)
    `);
    expect(rig.sidecar().counters.get("dropped", "in_clear")).toBe(3);
  });
});

describe("the list of members after a hello", () => {
  const everywhere = (): boolean => true;

  test("removes contacts that are not on it", () => {
    const { exchange } = exchangeOf([rabid]);
    for (const player of ["A", "B", "C"]) exchange.deliverNotice(rosterFor(player), T0);
    exchange.syncMembers([rosterFor("A"), rosterFor("C")], everywhere, T0);
    expect([...exchange.contacts.all()].map((contact) => contact.peer)).toStrictEqual(["A", "C"]);
  });

  test("replaces the previous list", () => {
    const { exchange } = exchangeOf([rabid]);
    for (const player of ["A", "B"]) exchange.deliverNotice(rosterFor(player), T0);
    exchange.syncMembers([rosterFor("A"), rosterFor("B")], everywhere, T0);
    exchange.syncMembers([rosterFor("B")], everywhere, T0);
    expect([...exchange.contacts.all()].map((contact) => contact.peer)).toStrictEqual(["B"]);
  });

  test("affects only lobbies behind its link", () => {
    const { exchange } = exchangeOf([rabid]);
    exchange.deliverNotice(rosterFor("A", "Here"), T0);
    exchange.deliverNotice(rosterFor("B", "There"), T0);
    exchange.syncMembers([], (_, name) => name === "Here", T0);
    expect([...exchange.contacts.all()].map((contact) => contact.peer)).toStrictEqual(["B"]);
  });

  test("sends only a missed start, in full", () => {
    const { exchange, sent } = exchangeOf([rabid]);
    for (const player of ["A", "B"]) exchange.deliverNotice(rosterFor(player), T0);
    exchange.handleDatagram(datagramOf("p:Nice:A"), ["rabid"], T0);
    sent.length = 0;
    const start: Notice = {
      kind: "introduced",
      peers: ["A", "B"].map((peer) => ({ peer, endpoint: endpointOf(peer) })),
    };
    exchange.syncMembers(
      [{ ...rosterFor("A"), notice: start }, { ...rosterFor("C"), notice: start }, rosterFor("B", "Other")],
      everywhere,
      T0,
    );
    expect(sent).toStrictEqual(["A< s:5001:B:192.0.2.2:5002"]);
    expect(exchange.nextRepeatAt).toBe(T0 + 15);
  });

  test("updates the replies to renewals", () => {
    const { exchange, sent } = exchangeOf([rabid]);
    exchange.deliverNotice(rosterFor("A"), T0);
    exchange.syncMembers([{ ...rosterFor("A"), notice: { kind: "roster", peers: ["A", "B"] } }], everywhere, T0);
    sent.length = 0;
    exchange.handleDatagram(datagramOf("p:Nice:A"), ["rabid"], T0);
    expect(sent).toStrictEqual(["A< i:A:B"]);
  });
});

describe("a repetition", () => {
  test("is limited: beyond the maximum, datagrams are sent once", () => {
    const rig = new Rig({ limits: { repeats_max: 1 } });
    rig.send("A", "h:Nice:Alice:4");
    rig.send("B", "c:Nice:Bob");
    rig.send("A", "s:Nice:Alice");
    const again = rig.advance(5_000).filter((sent) => textOf(sent).startsWith("s:"));
    expect([...new Set(again.map(({ to }) => letterOf(to)))]).toStrictEqual(["A"]);
    expect(again).toHaveLength(10);
  });

  test("is sent late if the timer is late", () => {
    const rig = openSession("AB");
    const { exchange } = rig.sidecar();
    rig.send("A", "s:Nice:Alice");
    const from = rig.sent.length;
    exchange.sendRepeats(rig.now + 3_000);
    expect(rig.sent.slice(from).map(textOf)).toHaveLength(20);
    expect(exchange.nextRepeatAt).toBeNull();
  });

  test("is not sent before it is due", () => {
    const rig = openSession("AB");
    expect(rig.sidecar().exchange.nextRepeatAt).toBeNull();
    rig.send("A", "s:Nice:Alice");
    const { exchange } = rig.sidecar();
    expect(exchange.nextRepeatAt).toBe(rig.now + 15);
    const from = rig.sent.length;
    exchange.sendRepeats(rig.now + 14);
    expect(rig.sent).toHaveLength(from);
  });
});

describe("a notice", () => {
  test("of a removal reaches an unknown member and leaves no contact", () => {
    const { exchange, sent } = exchangeOf([rabid]);
    exchange.deliverNotice({ ...rosterFor("A"), notice: { kind: "removed", reason: "kicked" } }, T0);
    expect([sent, exchange.contacts.size]).toStrictEqual([["A< error:kicked_by_host"], 0]);
  });

  test("for an unknown wire is ignored", () => {
    const { exchange, sent } = exchangeOf([]);
    exchange.deliverNotice(rosterFor("A"), T0);
    exchange.syncMembers([rosterFor("A")], () => true, T0);
    const { wire, name, peer, via, endpoint } = rosterFor("A").to;
    exchange.handleAnswer(
      { kind: "ask", wire, name, peer, via, endpoint },
      { kind: "refused", code: "lobby_not_found" },
      T0,
    );
    expect(sent).toStrictEqual([]);
  });
});

/** An exchange without sidecar; its datagrams are written like lines of a wire script. */
function exchangeOf(wires: readonly Wire[], { taking = true } = {}) {
  const sent: string[] = [];
  const counters = new Counters();
  const exchange = new Exchange(
    wires,
    LIMITS,
    {
      credit: new SendCredit(),
      send: (_, to, bytes) => void sent.push(`${letterOf(to)}< ${textOf({ bytes })}`),
      report: () => taking,
      isLinked: () => true,
      listLobbies: () => [],
      pendingFrom: () => ({ lobbies: 0, memberships: 0 }),
    },
    counters,
  );
  return { exchange, counters, sent };
}

const datagramOf = (text: string) => ({
  bytes: Buffer.from(text, "latin1"),
  endpoint: endpointOf("A"),
  via: HOME.via,
  exclusive: false,
});

/** A roster for one player, named by its letter. */
const rosterFor = (player: string, name = "Nice"): MemberNotice => ({
  to: {
    wire: "rabid",
    name,
    peer: player,
    via: HOME.via,
    endpoint: endpointOf(player),
    host: true,
    lease_ms: 5_000,
    memory: null,
  },
  notice: { kind: "roster", peers: [player] },
});
