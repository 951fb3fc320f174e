/** What the exchange does beside what every wire's conformance already asks of it. */
import { describe, expect, test } from "vitest";
import type { MemberNotice } from "#shared/link/messages.ts";
import type { Notice } from "#shared/lobby/lobby.ts";
import { Exchange } from "../../../udp-sidecar/core/exchange.ts";
import type { Action, Wire } from "../../../udp-sidecar/protocols/wire.ts";
import { rabid } from "../../../udp-sidecar/protocols/rabid.ts";
import { Counters } from "../../../udp-sidecar/core/counters.ts";
import { at, HOME, LIMITS, playerAt, Rig, T0, textOf } from "../../support/exchange.ts";
import { dialogue, session } from "../support/wire-script.ts";

describe("a datagram", () => {
  const wireOf = (name: "noray" | "dowsett", first: number, heard: Action = { do: "drop", why: name }): Wire => ({
    name,
    claims: (bytes) => bytes[0] === first,
    handleDatagram: () => heard,
    encodeNotice: () => ({ datagrams: [] }),
    encodeAnswer: () => [],
  });

  test("is heard by the first wire of its port that claims it, and by no other", () => {
    const { exchange, tally } = exchangeOf([rabid, wireOf("noray", 1), wireOf("dowsett", 1)]);
    exchange.handleDatagram(datagramOf("\x01"), ["dowsett", "noray"], T0);
    expect([...tally.entries("dropped")]).toStrictEqual([["dowsett", 1]]);
    exchange.handleDatagram(datagramOf("\x01"), ["rabid", "noray"], T0);
    expect([...tally.entries("dropped")]).toStrictEqual([
      ["dowsett", 1],
      ["noray", 1],
    ]);
  });

  test("that no wire of its port claims is dropped and counted, even if another wire would have it", () => {
    const { exchange, tally, sent } = exchangeOf([rabid, wireOf("noray", 1)]);
    exchange.handleDatagram(datagramOf("h:Nice:Alice:4"), ["noray"], T0);
    exchange.handleDatagram(datagramOf("\x02"), ["rabid", "noray"], T0);
    expect(tally.get("dropped", "unclaimed")).toBe(2);
    expect(sent).toStrictEqual([]);
  });

  test("on a port of one wire is that wire's, claimed or not; nobody's, if that wire is not spoken here", () => {
    const { exchange, tally } = exchangeOf([rabid, wireOf("noray", 1)]);
    exchange.handleDatagram({ ...datagramOf("\x02"), exclusive: true }, ["noray"], T0);
    expect(tally.get("dropped", "noray")).toBe(1);
    exchange.handleDatagram({ ...datagramOf("\x02"), exclusive: true }, ["dowsett"], T0);
    expect(tally.get("dropped", "unclaimed")).toBe(1);
  });

  test("is counted by what became of it", () => {
    const { exchange, tally } = exchangeOf([rabid]);
    for (const text of ["h:Nice:Alice:4", "h:Nice", "z:Nice"]) exchange.handleDatagram(datagramOf(text), ["rabid"], T0);
    exchange.deliverNotice(rosterFor("A"), T0);
    exchange.handleDatagram(datagramOf("p:Nice:A"), ["rabid"], T0);
    expect(Object.fromEntries(tally.entries("datagrams"))).toStrictEqual({
      reported: 1,
      answered: 1,
      dropped: 1,
      renewed: 1,
    });
    expect(Object.fromEntries(tally.entries("reports"))).toStrictEqual({ host: 1 });
  });

  test("that finds no room on the way to the hub is dropped without a word", () => {
    const { exchange, tally, sent } = exchangeOf([rabid], { taking: false });
    exchange.handleDatagram(datagramOf("h:Nice:Alice:4"), ["rabid"], T0);
    expect([tally.get("dropped", "no_hub"), tally.get("datagrams", "reported"), sent]).toStrictEqual([1, 0, []]);
  });
});

describe("a member who came under DTLS", () => {
  test("is answered there, and not believed in clear", () => {
    const rig = dialogue(`
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
      @+5s, every 500ms: B> p:Nice:Bob
      B< i:Alice:Bob (x9)
      A/69014< error:player_timeout
      B< i:Bob (x2)
    `);
    expect(rig.sidecar().tally.get("dropped", "in_clear")).toBe(3);
  });
});

describe("the list of members after a hello", () => {
  const everywhere = (): boolean => true;

  test("forgets whoever is not on it", () => {
    const { exchange } = exchangeOf([rabid]);
    for (const player of ["A", "B", "C"]) exchange.deliverNotice(rosterFor(player), T0);
    exchange.syncMembers([rosterFor("A"), rosterFor("C")], everywhere, T0);
    expect([...exchange.contacts.all()].map((contact) => contact.peer)).toStrictEqual(["A", "C"]);
  });

  test("judges each hello anew", () => {
    const { exchange } = exchangeOf([rabid]);
    for (const player of ["A", "B"]) exchange.deliverNotice(rosterFor(player), T0);
    exchange.syncMembers([rosterFor("A"), rosterFor("B")], everywhere, T0);
    exchange.syncMembers([rosterFor("B")], everywhere, T0);
    expect([...exchange.contacts.all()].map((contact) => contact.peer)).toStrictEqual(["B"]);
  });

  test("speaks for the lobbies of its own link alone", () => {
    const { exchange } = exchangeOf([rabid]);
    exchange.deliverNotice(rosterFor("A", "Here"), T0);
    exchange.deliverNotice(rosterFor("B", "There"), T0);
    exchange.syncMembers([], (_, name) => name === "Here", T0);
    expect([...exchange.contacts.all()].map((contact) => contact.peer)).toStrictEqual(["B"]);
  });

  test("tells nobody anything but a start he has missed, and that in full", () => {
    const { exchange, sent } = exchangeOf([rabid]);
    for (const player of ["A", "B"]) exchange.deliverNotice(rosterFor(player), T0);
    exchange.handleDatagram(datagramOf("p:Nice:A"), ["rabid"], T0);
    sent.length = 0;
    const start: Notice = { kind: "introduced", peers: ["A", "B"].map((peer) => ({ peer, endpoint: at(peer) })) };
    exchange.syncMembers(
      [{ ...rosterFor("A"), notice: start }, { ...rosterFor("C"), notice: start }, rosterFor("B", "Other")],
      everywhere,
      T0,
    );
    expect(sent).toStrictEqual(["A< s:5001:B:192.0.2.2:5002"]);
    expect(exchange.nextRepeatAt).toBe(T0 + 15);
  });

  test("brings the answers to renewals up to date", () => {
    const { exchange, sent } = exchangeOf([rabid]);
    exchange.deliverNotice(rosterFor("A"), T0);
    exchange.syncMembers([{ ...rosterFor("A"), notice: { kind: "roster", peers: ["A", "B"] } }], everywhere, T0);
    sent.length = 0;
    exchange.handleDatagram(datagramOf("p:Nice:A"), ["rabid"], T0);
    expect(sent).toStrictEqual(["A< i:A:B"]);
  });
});

describe("what is said again", () => {
  test("is limited: beyond so many waiting, things are said once", () => {
    const rig = new Rig({ limits: { repeats_max: 1 } });
    rig.say("A", "h:Nice:Alice:4");
    rig.say("B", "c:Nice:Bob");
    rig.say("A", "s:Nice:Alice");
    const again = rig.pass(5_000).filter((sent) => textOf(sent).startsWith("s:"));
    expect([...new Set(again.map(({ to }) => playerAt(to)))]).toStrictEqual(["A"]);
    expect(again).toHaveLength(10);
  });

  test("comes late rather than never, if whoever turns the clock is late", () => {
    const rig = session("AB");
    const { exchange } = rig.sidecar();
    rig.say("A", "s:Nice:Alice");
    const from = rig.sent.length;
    exchange.sendRepeats(rig.now + 3_000);
    expect(rig.sent.slice(from).map(textOf)).toHaveLength(20);
    expect(exchange.nextRepeatAt).toBeNull();
  });

  test("is nothing before it is due", () => {
    const rig = session("AB");
    expect(rig.sidecar().exchange.nextRepeatAt).toBeNull();
    rig.say("A", "s:Nice:Alice");
    const { exchange } = rig.sidecar();
    expect(exchange.nextRepeatAt).toBe(rig.now + 15);
    const from = rig.sent.length;
    exchange.sendRepeats(rig.now + 14);
    expect(rig.sent).toHaveLength(from);
  });
});

describe("the hub's word", () => {
  test("of the end of somebody who is not known here is passed on all the same, and leaves nobody behind", () => {
    const { exchange, sent } = exchangeOf([rabid]);
    exchange.deliverNotice({ ...rosterFor("A"), notice: { kind: "removed", reason: "kicked" } }, T0);
    expect([sent, exchange.contacts.size]).toStrictEqual([["A< error:kicked_by_host"], 0]);
  });

  test("about a wire that is not spoken here is not understood, and harms nothing", () => {
    const { exchange, sent } = exchangeOf([]);
    exchange.deliverNotice(rosterFor("A"), T0);
    exchange.syncMembers([rosterFor("A")], () => true, T0);
    const { wire, name, peer, via, endpoint } = rosterFor("A").to;
    exchange.handleAnswer({ kind: "ask", wire, name, peer, via, endpoint }, { kind: "refused", code: "lobby_not_found" });
    expect(sent).toStrictEqual([]);
  });
});

/** An exchange on its own; what it sends is written down as a dialogue would. */
function exchangeOf(wires: readonly Wire[], { taking = true } = {}) {
  const sent: string[] = [];
  const tally = new Counters();
  const exchange = new Exchange(
    wires,
    LIMITS,
    {
      send: (_, to, bytes) => void sent.push(`${playerAt(to)}< ${textOf({ bytes })}`),
      report: () => taking,
      isLinked: () => true,
      listLobbies: () => Promise.resolve([]),
      pendingFrom: () => ({ lobbies: 0, memberships: 0 }),
    },
    tally,
  );
  return { exchange, tally, sent };
}

const datagramOf = (text: string) => ({
  bytes: Buffer.from(text, "latin1"),
  endpoint: at("A"),
  via: HOME.via,
  exclusive: false,
});

/** The player alone in a lobby, under his letter. */
const rosterFor = (player: string, name = "Nice"): MemberNotice => ({
  to: {
    wire: "rabid",
    name,
    peer: player,
    via: HOME.via,
    endpoint: at(player),
    host: true,
    lease_ms: 5_000,
    memory: null,
  },
  notice: { kind: "roster", peers: [player] },
});
