/**
 * The tests that every wire must pass: survive all bytes, keep endpoints secret from strangers, answer repetitions without
 * side effects, enforce limits. A wire supplies a `Driver`, which encodes the test's messages in its bytes.
 * A test of a feature that the wire lacks is skipped with the reason.
 */
import { diceOf } from "./dice.ts";
import { describe, expect, test } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import type { ExchangeLimits } from "../../udp-sidecar/core/exchange.ts";
import type { Wire } from "../../udp-sidecar/protocols/wire.ts";
import { endpointOf, HOME, Rig, type Sent, SHARED_PORT } from "./exchange.ts";

export type Driver = {
  readonly wire: Wire;
  /** A joiner becomes a member. If false, joiner and host are introduced and the joiner is not stored. */
  readonly storesGuests: boolean;
  /** A renewal from another port of the member's address is accepted. */
  readonly followsPorts: boolean;
  /** The host's name in the hub. */
  hostName(lobby: string, peer: string): string;
  /** Hosts a lobby of four seats. */
  host(lobby: string, peer: string): Uint8Array;
  join(lobby: string, peer: string): Uint8Array;
  renew(lobby: string, peer: string): Uint8Array;
  leave(lobby: string, peer: string): Uint8Array;
  /** A request that only the hub can answer. For a lobby that does not exist there is one short answer. */
  hubRequest(lobby: string, peer: string): Uint8Array;
  /** Requests the introduction; null on a wire that introduces automatically. */
  readonly start: ((lobby: string, peer: string) => Uint8Array) | null;
  /** Every other client message once, about the lobby `Nice` with Alice (host) and Bob. */
  readonly otherMessages: readonly Uint8Array[];
  /** A malformed request that is refused without the hub; null on a wire without such refusals. */
  readonly malformed: Uint8Array | null;
  /** Whether these bytes confirm a membership in a lobby with these peers. */
  confirmsMembers(bytes: Uint8Array, peers: readonly string[]): boolean;
  /** Whether these bytes contain the endpoint. */
  containsEndpoint(bytes: Uint8Array, endpoint: Endpoint): boolean;
  /** The largest answer to a non-member, and the largest answer of all, in bytes. */
  readonly refusal_bytes_max: number;
  readonly answer_bytes_max: number;
  /** The lease: tolerated silence, in ms. */
  readonly lease_ms: number;
};

const ALICE = endpointOf("A");
const BOB = endpointOf("B");
const STRANGER = endpointOf("S");
const DATAGRAM_BYTES_MAX = 65_507;
const NO_GUESTS = "joiners are not stored on this wire";
const NO_START = "this wire has no start";
const NO_MISTAKES = "this wire does not answer malformed requests";

export function describeConformance(driver: Driver): void {
  const { wire } = driver;
  const spoken = [
    driver.host("Nice", "Alice"),
    driver.join("Nice", "Bob"),
    driver.renew("Nice", "Bob"),
    driver.leave("Nice", "Bob"),
    ...(driver.start === null ? [] : [driver.start("Nice", "Alice")]),
    ...driver.otherMessages,
  ];

  /** The members of Nice in order of arrival; the last one sends most messages below. */
  const all = [{ peer: "Alice", home: ALICE }, ...(driver.storesGuests ? [{ peer: "Bob", home: BOB }] : [])];
  const peers = all.map(({ peer }) => peer);
  const { peer: talker, home } = all.at(-1)!;
  const others = all.slice(0, -1);
  const called = (peer: string, name = "Nice"): string => (peer === "Alice" ? driver.hostName(name, peer) : peer);
  const left = others.map(({ peer }) => called(peer));

  /** Nice with Alice as host and, where guests are stored, Bob as member, after a renewal of each. */
  function meeting(limits: Partial<ExchangeLimits> = {}): Rig {
    const rig = new Rig({ limits, wire: wire.name });
    rig.send(ALICE, driver.host("Nice", "Alice"));
    if (driver.storesGuests) rig.send(BOB, driver.join("Nice", "Bob"));
    for (const { peer, home } of all) rig.send(home, driver.renew("Nice", peer));
    return rig;
  }

  /** Carol joins and gets the answer of a member, or the host's endpoint. */
  function comes(rig: Rig, ...before: string[]): void {
    const answers = rig.send(endpointOf("C"), driver.join("Nice", "Carol"));
    if (driver.storesGuests) return expect(isIn(answers, ...before, "Carol")).toBe(true);
    expect(
      answers.some(({ to, bytes }) => to.port === endpointOf("C").port && driver.containsEndpoint(bytes, ALICE)),
    ).toBe(true);
  }

  const lobby = (rig: Rig, name = "Nice"): Lobby | undefined => rig.hub.lobby(name, wire.name);
  const membersOf = (rig: Rig): string[] => lobby(rig)?.members.map((member) => member.peer) ?? [];
  const isIn = (sent: readonly Sent[], ...peers: string[]): boolean =>
    sent.some(({ bytes }) => driver.confirmsMembers(bytes, peers));

  /** All members have their endpoints and are answered as before. */
  function stands(rig: Rig): void {
    expect(lobby(rig)?.members.slice(0, all.length)).toMatchObject(
      all.map(({ peer, home }) => ({ peer: called(peer), source: { endpoint: home } })),
    );
    for (const { peer, home } of all) {
      const answers = rig.send(home, driver.renew("Nice", peer));
      expect(answers.length).toBeGreaterThan(0);
      for (const { to } of answers) expect(to).toStrictEqual(home);
    }
  }

  /** A stranger's bytes cause no exception and no answer that is longer than allowed. */
  function survived(rig: Rig, bytes: Uint8Array, via: number, bytes_max = driver.answer_bytes_max): void {
    for (const answer of rig.send(STRANGER, bytes, { via })) {
      const most = answer.to.address === STRANGER.address ? bytes_max : driver.answer_bytes_max;
      if (answer.bytes.length <= most) continue;
      throw new Error(`${answer.bytes.length} bytes in answer to ${Buffer.from(bytes).toString("hex")}`);
    }
  }

  describe("malformed bytes", () => {
    const strange: [string, Uint8Array][] = [
      ["no bytes", new Uint8Array(0)],
      ["one zero", new Uint8Array(1)],
      ["the longest datagram of zeros", new Uint8Array(DATAGRAM_BYTES_MAX)],
      ["the longest datagram of letters", Buffer.alloc(DATAGRAM_BYTES_MAX, "a")],
      ["the longest datagram of a message and letters", padded(spoken[0]!, "a")],
      ["the longest datagram of a message and zeros", padded(spoken[0]!, "\0")],
      ["every byte once", Uint8Array.from({ length: 256 }, (_, byte) => byte)],
      ["bytes that are not UTF-8", Uint8Array.of(0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80)],
      ["a message with an incomplete UTF-8 character", Buffer.concat([spoken[0]!, Uint8Array.of(0xc3)])],
    ];

    test.each(strange)("%s: get at most a short answer and change nothing", (_, bytes) => {
      const rig = meeting();
      const before = lobby(rig);
      survived(rig, bytes, HOME.via, driver.refusal_bytes_max);
      survived(rig, bytes, SHARED_PORT, driver.refusal_bytes_max);
      expect(lobby(rig)).toBe(before);
      expect(rig.hub.directory.size).toBe(1);
      expect(rig.sidecar().exchange.contacts.size).toBe(all.length);
      stands(rig);
    });

    test("20,000 random datagrams get at most short answers and change nothing", () => {
      const rig = meeting({ stranger: { per_s: 1e6, burst: 1e6 } });
      const before = lobby(rig);
      const dice = diceOf(20_000);
      for (let round = 0; round < 20_000; round++) {
        const bytes = Uint8Array.from({ length: dice(64) }, () => dice(256));
        survived(rig, bytes, dice(2) === 0 ? HOME.via : SHARED_PORT, driver.refusal_bytes_max);
      }
      expect(rig.sidecar().counters.get("dropped", "stranger_rate")).toBe(0);
      expect(lobby(rig)).toBe(before);
      expect(rig.sidecar().exchange.contacts.size).toBe(all.length);
      stands(rig);
    });

    test("messages from other addresses of any family change nothing", () => {
      const rig = meeting();
      for (const address of ["::1", "2001:db8::bad", "0.0.0.0", "255.255.255.255"]) {
        for (const bytes of spoken) rig.send({ address, port: 1 }, bytes);
      }
      stands(rig);
    });
  });

  describe("damaged messages", () => {
    test("every prefix of every message is survived", () => {
      for (const message of spoken) {
        const rig = meeting();
        for (let length = 0; length < message.length; length++) survived(rig, message.subarray(0, length), HOME.via);
        stands(rig);
      }
    });

    test("every message with any one byte changed is survived", () => {
      const open = { per_s: 1e6, burst: 1e6 };
      for (const message of spoken) {
        const rig = meeting({ stranger: open, lobbies_per_source_max: 1e6, memberships_per_source_max: 1e6 });
        for (let index = 0; index < message.length; index++) {
          for (let byte = 0; byte < 256; byte++) {
            const damaged = Uint8Array.from(message);
            damaged[index] = byte;
            if (byte !== message[index]) survived(rig, damaged, byte % 2 === 0 ? HOME.via : SHARED_PORT);
          }
        }
        stands(rig);
      }
    });
  });

  describe("a repeated message", () => {
    test.for([
      ["hosting", ALICE, () => driver.host("Nice", "Alice")] as const,
      ["joining", BOB, () => driver.join("Nice", "Bob")] as const,
      ["renewing", home, () => driver.renew("Nice", talker)] as const,
    ])("%s: changes nothing, and only the sender gets the same answer", ([what, home, message], { skip }) => {
      skip(what === "joining" && !driver.storesGuests, NO_GUESTS);
      const rig = meeting();
      const before = lobby(rig);
      for (let round = 0; round < 3; round++) {
        const answers = rig.send(home, message());
        expect(isIn(answers, ...peers)).toBe(true);
        for (const { to } of answers) expect(to).toStrictEqual(home);
      }
      expect(lobby(rig)).toBe(before);
      expect(rig.sidecar().exchange.contacts.size).toBe(all.length);
    });

    test("joining while the first request waits for the hub: one member, one answer", ({ skip }) => {
      skip(!driver.storesGuests, NO_GUESTS);
      const rig = meeting();
      const carol = endpointOf("C");
      const answers = rig.sendTogether(() => {
        for (let round = 0; round < 5; round++) rig.send(carol, driver.join("Nice", "Carol"));
      });
      expect(answers.filter(({ to }) => to.port === carol.port)).toHaveLength(1);
      expect(membersOf(rig)).toStrictEqual(["Alice", "Bob", "Carol"]);
    });

    test("leaving: the second one changes nothing", () => {
      const rig = meeting();
      rig.send(home, driver.leave("Nice", talker));
      const after = lobby(rig);
      rig.send(home, driver.leave("Nice", talker));
      expect(lobby(rig)).toBe(after);
      expect(membersOf(rig)).toStrictEqual(left);
    });

    test("starting: changes nothing more", ({ skip }) => {
      skip(driver.start === null, NO_START);
      const rig = meeting();
      rig.send(ALICE, driver.start!("Nice", "Alice"));
      const after = lobby(rig);
      rig.send(ALICE, driver.start!("Nice", "Alice"));
      rig.send(ALICE, driver.start!("Nice", "Alice"));
      expect(lobby(rig)).toBe(after);
      expect(after?.state).toBe("started");
    });
  });

  describe("renewing", () => {
    test("is answered by the sidecar without a report to the hub", () => {
      const rig = meeting();
      const before = rig.sidecar().reports.length;
      for (let second = 0; second < 60; second++) {
        for (const { peer, home } of all) expect(isIn(rig.send(home, driver.renew("Nice", peer)), ...peers)).toBe(true);
        rig.advance(1_000);
      }
      expect(rig.sidecar().reports.length).toBe(before);
    });

    test("is answered while the hub cannot be reached", () => {
      const rig = meeting();
      rig.disconnect("north");
      expect(isIn(rig.send(home, driver.renew("Nice", talker)), ...peers)).toBe(true);
    });

    test.for(["open", "started"])(
      "from a foreign endpoint reveals nothing, moves nothing and renews nothing: %s",
      (state, { skip }) => {
        skip(state === "started" && driver.start === null, NO_START);
        const rig = meeting();
        if (state === "started" && driver.start !== null) rig.send(ALICE, driver.start("Nice", "Alice"));
        rig.advance(driver.lease_ms / 2);
        const before = lobby(rig);
        const moved = { ...home, port: home.port + 1_000 };
        for (const foreign of [STRANGER, endpointOf("B6"), ...(driver.followsPorts ? [] : [moved])]) {
          const answers = rig.send(foreign, driver.renew("Nice", talker));
          for (const { bytes } of answers) {
            expect(bytes.length).toBeLessThanOrEqual(driver.refusal_bytes_max);
            for (const secret of [ALICE, BOB]) expect(driver.containsEndpoint(bytes, secret)).toBe(false);
          }
        }
        expect(lobby(rig)).toBe(before);
        if (state === "started") return stands(rig);
        for (const { peer, home } of others) rig.send(home, driver.renew("Nice", peer));
        // Half a lease later the sender's last renewal is a lease old, whatever others sent.
        rig.advance(driver.lease_ms / 2 + 100);
        expect(membersOf(rig)).toStrictEqual(left);
      },
    );

    test("beyond the rate limit is not answered, but still renews the lease", () => {
      const rig = meeting({ renewal: { per_s: 2, burst: 5 } });
      rig.advance(4_000);
      const burst = Array.from({ length: 50 }, () => rig.send(home, driver.renew("Nice", talker)).length);
      expect(burst).toStrictEqual([...Array<number>(5).fill(burst[0]!), ...Array<number>(45).fill(0)]);
      expect(burst[0]).toBeGreaterThan(0);
      expect(rig.sidecar().counters.get("dropped", "renewal_rate")).toBe(45);
      // The limit of one member does not affect another.
      for (const { peer, home } of others) {
        expect(isIn(rig.send(home, driver.renew("Nice", peer)), ...peers)).toBe(true);
      }
      rig.advance(500);
      expect(isIn(rig.send(home, driver.renew("Nice", talker)), ...peers)).toBe(true);
      expect(rig.send(home, driver.renew("Nice", talker))).toStrictEqual([]);
      rig.advance(driver.lease_ms - 1_000);
      expect(membersOf(rig)).toContain(called(talker));
    });
  });

  describe("a restarted sidecar", () => {
    test("sends nothing unrequested, answers each member that renews, and reports it once", () => {
      const rig = meeting();
      expect(rig.restart("north")).toStrictEqual([]);
      expect(rig.advance(driver.lease_ms / 2)).toStrictEqual([]);
      const { reports } = rig.sidecar();
      expect(reports).toStrictEqual([]);
      for (let round = 0; round < 3; round++) {
        expect(isIn(rig.send(home, driver.renew("Nice", talker)), ...peers)).toBe(true);
      }
      const about = { wire: wire.name, name: "Nice", peer: called(talker), via: HOME.via, endpoint: home };
      expect(reports).toStrictEqual([{ kind: "heard", ...about }]);
      const here = lobby(rig)?.members.filter((member) => member.away_since === null);
      expect(here?.map((member) => member.peer)).toStrictEqual([called(talker)]);
    });

    test("still ignores foreign endpoints", () => {
      const rig = meeting();
      rig.restart("north");
      rig.send(STRANGER, driver.renew("Nice", talker));
      expect(rig.sidecar().reports).toStrictEqual([]);
      expect(rig.sidecar().exchange.contacts.find(wire.name, "Nice", called(talker))?.restored).toBe(true);
    });

    test("answers nothing before it has reached the hub", () => {
      const lonely = new Rig({ sidecars: [], wire: wire.name });
      lonely.startUnlinked("north");
      for (const bytes of spoken) expect(lonely.send(BOB, bytes)).toStrictEqual([]);
    });
  });

  describe("limits", () => {
    test("a stranger's flood is cut off, while members renew and other strangers are answered", () => {
      const rig = meeting({ stranger: { per_s: 10, burst: 20 } });
      rig.advance(1_000);
      const before = rig.sidecar().counters.get("datagrams", "reported");
      for (let round = 0; round < 500; round++) rig.send(STRANGER, driver.hubRequest("Nope", `Peer${round}`));
      expect(rig.sidecar().counters.get("datagrams", "reported")).toBe(before + 20);
      expect(rig.sidecar().counters.get("dropped", "stranger_rate")).toBe(480);
      stands(rig);
      comes(rig, "Alice", "Bob");
      rig.advance(1_000);
      for (let round = 0; round < 50; round++) rig.send(STRANGER, driver.hubRequest("Nope", `Peer${round}`));
      expect(rig.sidecar().counters.get("dropped", "stranger_rate")).toBe(520);
    });

    test("refusals are rate limited", ({ skip }) => {
      skip(driver.malformed === null, NO_MISTAKES);
      const rig = meeting({ stranger: { per_s: 10, burst: 20 } });
      const answers = Array.from({ length: 100 }, () => rig.send(STRANGER, driver.malformed!).length);
      expect(answers).toStrictEqual([...Array<number>(20).fill(1), ...Array<number>(80).fill(0)]);
      rig.advance(1_000);
      expect(rig.send(STRANGER, driver.malformed!)).toHaveLength(1);
    });

    test("members renew even if their address floods, because renewals have their own budget", () => {
      const rig = meeting({ stranger: { per_s: 1, burst: 4 } });
      for (let round = 0; round < 50; round++)
        rig.send({ ...home, port: 9 }, driver.hubRequest("Nope", `Peer${round}`));
      expect(isIn(rig.send(home, driver.renew("Nice", talker)), ...peers)).toBe(true);
    });

    test("lobbies and memberships per source are limited; further requests get no answer", ({ skip }) => {
      skip(!driver.storesGuests, NO_GUESTS);
      const rig = new Rig({ wire: wire.name, limits: { lobbies_per_source_max: 2, memberships_per_source_max: 3 } });
      const answered = (bytes: Uint8Array, port: number): boolean => rig.send({ ...BOB, port }, bytes).length > 0;
      rig.send(ALICE, driver.host("Nice", "Alice"));
      expect(answered(driver.host("One", "Ann"), 1)).toBe(true);
      expect(answered(driver.host("Two", "Ann"), 1)).toBe(true);
      // The third lobby, from another port of the same address.
      expect(answered(driver.host("Three", "Ann"), 2)).toBe(false);
      expect(answered(driver.join("Nice", "Bob"), 3)).toBe(true);
      expect(answered(driver.join("Nice", "Bea"), 4)).toBe(false);
      expect(rig.sidecar().counters.get("dropped", "source_share")).toBe(2);
      // A host is a member too: without this lobby there is one membership less.
      rig.send({ ...BOB, port: 1 }, driver.leave("Two", "Ann"));
      expect(answered(driver.join("Nice", "Bea"), 4)).toBe(true);
      expect(answered(driver.host("Four", "Ann"), 5)).toBe(false);
      // Members are still answered, and other sources have their own quota.
      expect(answered(driver.join("Nice", "Bob"), 3)).toBe(true);
      comes(rig, "Alice", "Bob", "Bea");
      // A membership that ended is free again.
      rig.send({ ...BOB, port: 1 }, driver.leave("One", "Ann"));
      expect(answered(driver.host("Four", "Ann"), 5)).toBe(true);
    });

    test("the quota also holds for simultaneous requests", () => {
      const rig = new Rig({
        wire: wire.name,
        limits: { lobbies_per_source_max: 2, memberships_per_source_max: 3 },
      });
      rig.sendTogether(() => {
        for (let index = 0; index < 10; index++) rig.send(BOB, driver.host(`Lobby${index}`, "Bob"));
      });
      expect(rig.hub.directory.size).toBe(2);
      if (!driver.storesGuests) return;
      const other = meeting({ memberships_per_source_max: 1 });
      other.sendTogether(() => {
        for (const peer of ["Carol", "Dave"]) other.send(STRANGER, driver.join("Nice", peer));
      });
      expect(membersOf(other)).toStrictEqual(["Alice", "Bob", "Carol"]);
    });

    test("a full sidecar accepts no new peer and keeps its members", () => {
      const rig = meeting({ contacts_max: all.length });
      expect(rig.send(endpointOf("C"), driver.join("Nice", "Carol"))).toStrictEqual([]);
      expect(rig.send(endpointOf("D"), driver.host("Other", "Dave"))).toStrictEqual([]);
      stands(rig);
    });
  });

  describe("answers are sent", () => {
    test("from the port of the request", () => {
      const rig = meeting();
      for (const via of [HOME.via, SHARED_PORT, HOME.via]) {
        // If a join is reported to the host, it leaves from the port that the host uses.
        const joined = rig.send(BOB, driver.join("Nice", "Bob"), { via }).filter(({ to }) => to.port === BOB.port);
        const answers = [
          ...rig.send(home, driver.renew("Nice", talker), { via }),
          ...rig.send(endpointOf("C"), driver.hubRequest("Nope", "Carol"), { via }),
          ...joined,
        ];
        expect(joined.length).toBeGreaterThanOrEqual(1);
        expect(answers.length - joined.length).toBe(2);
        for (const answer of answers) expect(answer.via).toBe(via);
      }
    });

    test("from the port that the member uses, if unrequested", ({ skip }) => {
      skip(!driver.storesGuests, NO_GUESTS);
      const rig = meeting();
      rig.send(endpointOf("C"), driver.join("Nice", "Carol"), { via: SHARED_PORT });
      const news = rig.send(endpointOf("D"), driver.join("Nice", "Dave"));
      expect(news.map(({ to, via }) => [to.port, via])).toStrictEqual([
        [5_001, HOME.via],
        [5_002, HOME.via],
        [5_003, SHARED_PORT],
        [5_004, HOME.via],
      ]);
    });

    test("to no peer that has left", () => {
      const rig = meeting();
      rig.send(home, driver.leave("Nice", talker));
      const from = rig.sent.length;
      rig.send(endpointOf("C"), driver.join("Nice", "Carol"));
      for (let second = 0; second < 30; second++) {
        for (const { peer, home } of others) rig.send(home, driver.renew("Nice", peer));
        rig.send(endpointOf("C"), driver.renew("Nice", "Carol"));
        rig.advance(1_000);
      }
      for (const { peer, home } of others) rig.send(home, driver.leave("Nice", peer));
      rig.advance(60_000);
      expect(rig.sent.slice(from).filter(({ to }) => to.port === home.port)).toStrictEqual([]);
      expect(rig.sidecar().exchange.contacts.size).toBe(0);
    });
  });
}

/** The message, padded to the longest datagram. */
const padded = (message: Uint8Array, filler: string): Uint8Array =>
  Buffer.concat([message, Buffer.alloc(DATAGRAM_BYTES_MAX - message.length, filler)]);
