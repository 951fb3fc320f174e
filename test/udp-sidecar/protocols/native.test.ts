import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import { NATIVE_REQUEST_BYTES_MAX, NATIVE_REQUEST_BYTES_MIN, RECEIPT_FRESH_MS, LIVENESS_REPORT_MS } from "#shared/limits.ts";
import type { Ticket } from "#shared/auth/tickets.ts";
import { native } from "../../../udp-sidecar/protocols/native.ts";
import { GameTicketVerifier } from "../../../udp-sidecar/link/ticket-verifier.ts";
import { at, HOME, Rig, SHARED_PORT, T0, textOf } from "../../support/exchange.ts";
import { GOLDEN } from "../../support/golden-tickets.ts";
import { signed, tickets } from "../../support/tickets.ts";

const [ALICE, BOB] = ["a", "b"].map((letter) => letter.repeat(26)) as [string, string];
const LOBBY = `0-${"c".repeat(26)}`;
const UDP: Partial<Ticket> = { purpose: "udp", peer: ALICE, expires_at_s: T0 / 1_000 + 60 };
const SESSION: Partial<Ticket> = { ...UDP, purpose: "session", lobby: LOBBY };

const said = (...words: string[]): string => words.join(" ").padEnd(NATIVE_REQUEST_BYTES_MIN);
const made = (options: ConstructorParameters<typeof Rig>[0] = {}): Rig => new Rig({ wire: "native", ...options });
const receiptOf = (endpoint: Endpoint, peer = ALICE, at_ms = T0): string => tickets().issueReceipt(peer, endpoint, at_ms)!;

describe("see", () => {
  test("is answered at once with where the question came from, a receipt for it, and the word", () => {
    const rig = made();
    for (const via of [HOME.via, SHARED_PORT]) {
      for (const player of ["A", "A'", "A6"]) {
        const [answer, ...more] = rig.say(player, said("see", signed(UDP), "word-1"), { via });
        expect(more).toStrictEqual([]);
        expect(answer).toMatchObject({ to: at(player), via });
        expect(textOf(answer!)).toBe(`seen ${formatEndpoint(at(player))} ${receiptOf(at(player))} word-1`);
      }
    }
    expect(rig.sidecar().reports).toStrictEqual([]);
  });

  test("may be without a word, and under either key", () => {
    const rig = made();
    for (const key of GOLDEN.keys) {
      expect(rig.say("A", said("see", signed(UDP, key))).map(textOf)).toStrictEqual([
        `seen 192.0.2.1:5001 ${receiptOf(at("A"))}`,
      ]);
    }
  });

  test("goes on while the hub is gone, and keeps nothing of anybody", () => {
    const rig = made();
    rig.cut("north");
    for (let port = 1; port <= 100; port++) {
      expect(rig.say({ address: "192.0.2.1", port }, said("see", signed(UDP)))).toHaveLength(1);
    }
    expect(rig.sidecar().exchange.contacts.size).toBe(0);
    expect(rig.sidecar().outbox.size).toBe(0);
  });

  test("with the ticket of a session is a sign of life: the first leaves at once, those after it never", () => {
    const rig = made();
    rig.say("A", said("see", signed(SESSION)));
    const heard = { kind: "heard", wire: "native", name: LOBBY, peer: ALICE, via: HOME.via, endpoint: at("A") };
    expect(rig.sidecar().reports).toStrictEqual([heard]);
    for (let second = 0; second < 40; second += 10) {
      rig.pass(10_000);
      expect(rig.say("A'", said("see", signed(SESSION)))).toHaveLength(1);
    }
    expect(rig.sidecar().reports).toStrictEqual([heard]);
    // Who has joined anew has a new ticket.
    rig.say("A", said("see", signed({ ...SESSION, expires_at_s: SESSION.expires_at_s! + 1 })));
    expect(rig.sidecar().reports).toStrictEqual([heard, heard]);
    rig.say("B", said("see", signed({ ...SESSION, peer: BOB })));
    expect(rig.sidecar().reports).toHaveLength(3);
  });

  test("after a long silence is told of once more", () => {
    const rig = made();
    const long: Partial<Ticket> = { ...SESSION, expires_at_s: T0 / 1_000 + 3_600 };
    rig.say("A", said("see", signed(long)));
    rig.pass(LIVENESS_REPORT_MS + 1);
    rig.say("A", said("see", signed(long)));
    expect(rig.sidecar().reports).toHaveLength(2);
  });

  test("is answered to one address only so often", () => {
    const rig = made({ limits: { stranger: { per_s: 10, burst: 20 } } });
    const answers = Array.from({ length: 100 }, () => rig.say("A", said("see", signed(UDP))).length);
    expect(answers.filter((count) => count > 0)).toHaveLength(20);
    expect(rig.say("B", said("see", signed(UDP)))).toHaveLength(1);
  });
});

describe("knock", () => {
  test("goes to where the receipt says, and nowhere else", () => {
    const rig = made();
    const knocked = rig.say("A'", said("knock", signed(UDP), receiptOf(at("A")), "7"), { via: SHARED_PORT });
    expect(knocked.map((sent) => [sent.to, sent.via, textOf(sent)])).toStrictEqual([
      [at("A"), SHARED_PORT, "knocked 7"],
    ]);
  });

  test("takes the receipt of another sidecar, which may be a little ahead", () => {
    const rig = made();
    const ahead = receiptOf(at("A"), ALICE, T0 + 2_000);
    expect(rig.say("A'", said("knock", signed(UDP), ahead), { sidecar: "south" })).toHaveLength(1);
  });

  test.each([
    ["no receipt", ""],
    ["another peer's receipt", receiptOf(at("B"), BOB)],
    ["a receipt that is too old", receiptOf(at("A"), ALICE, T0 - RECEIPT_FRESH_MS - 1)],
    ["a receipt from the future", receiptOf(at("A"), ALICE, T0 + 60_000)],
    ["a receipt of another game", tickets("other").issueReceipt(ALICE, at("A"), T0)!],
    ["a receipt with another endpoint in it", receiptOf(at("A")).replace("c0000201", "c0000202")],
  ])("with %s goes nowhere", (_, receipt) => {
    expect(made().say("A'", said("knock", signed(UDP), receipt))).toStrictEqual([]);
  });
});

describe("silence is what is said to", () => {
  const [first, second] = GOLDEN.keys;
  test.each([
    ["a ticket of another game", signed({ ...UDP, game: "other" })],
    ["a ticket of a relay, which only its ports take", signed({ ...SESSION, purpose: "relay" })],
    ["a peer's token for the hub", signed({ ...UDP, purpose: "peer" })],
    ["a ticket that is over", signed({ ...UDP, expires_at_s: T0 / 1_000 })],
    ["a ticket that nobody signed", `${signed(UDP).slice(0, -43)}${"A".repeat(43)}`],
    ["a ticket under the other key's name", signed(UDP, { ...second, id: first.id })],
    ["a ticket whose lobby was changed", signed(SESSION).replace(LOBBY, `0-${"d".repeat(26)}`)],
    ["no ticket", "nothing"],
  ])("%s", (_, ticket) => {
    const rig = made();
    expect(rig.say("A", said("see", ticket))).toStrictEqual([]);
    expect(rig.say("A", said("knock", ticket, receiptOf(at("A"))))).toStrictEqual([]);
    expect(rig.sidecar().reports).toStrictEqual([]);
  });

  test.each([
    ["a request that is not filled up", `see ${signed(UDP)}`],
    ["one that is too long", said("see", signed(UDP)).padEnd(NATIVE_REQUEST_BYTES_MAX + 1)],
    ["a word of seventeen letters", said("see", signed(UDP), "w".repeat(17))],
    ["a word that is not visible", said("see", signed(UDP), "a\tb")],
    ["two words", said("see", signed(UDP), "one", "two")],
    ["two blanks", said("see", "", signed(UDP))],
    ["a line that ends", `${said("see", signed(UDP))}\n`],
    ["another verb", said("saw", signed(UDP))],
    ["a capital", said("See", signed(UDP))],
  ])("%s", (_, text) => {
    expect(made().say("A", text)).toStrictEqual([]);
  });

  test("everybody, before a hub was ever reached", () => {
    const wire = native(new GameTicketVerifier("arena"));
    const datagram = { bytes: Buffer.from(said("see", signed(UDP))), endpoint: at("A"), via: 1, exclusive: true };
    expect(wire.handleDatagram(datagram, { find: () => undefined }, T0)).toStrictEqual({ do: "drop", why: "no_ticket" });
  });
});

test("no answer is longer than what it answers, whoever asks from wherever", () => {
  const rig = made({ limits: { stranger: { per_s: 1e6, burst: 1e6 } } });
  const longest: Endpoint = { address: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", port: 65_535 };
  const asked = said("see", signed({ ...UDP, game: "arena" }), "w".repeat(16));
  expect(asked).toHaveLength(NATIVE_REQUEST_BYTES_MIN);
  expect(rig.say(longest, asked)[0]!.bytes.length).toBeLessThanOrEqual(asked.length);
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.constantFrom("see", "knock", signed(UDP), ""), (text, begin) => {
      for (const via of [HOME.via, SHARED_PORT]) {
        const bytes = Buffer.from(`${begin} ${text}`).subarray(0, 400);
        for (const answer of rig.say(longest, bytes, { via })) {
          expect(answer.bytes.length).toBeLessThanOrEqual(bytes.length);
        }
      }
    }),
  );
});

test("any one byte of a question changed is survived, and answered as the word was said or not at all", () => {
  const rig = made({ limits: { stranger: { per_s: 1e6, burst: 1e6 } } });
  const whole = Buffer.from(said("see", signed(UDP), "w"));
  const tail = `see ${signed(UDP)} `.length;
  for (let index = 0; index < whole.length; index++) {
    for (const byte of [0, 10, 32, 46, 65, 97, 128, 255]) {
      const damaged = Uint8Array.from(whole);
      damaged[index] = byte;
      if (byte === whole[index]) continue;
      const answers = rig.say("A", damaged).map(textOf);
      if (index < tail) expect([index, byte, answers]).toStrictEqual([index, byte, []]);
      else expect(answers.filter((answer) => !answer.startsWith("seen 192.0.2.1:5001 "))).toStrictEqual([]);
    }
  }
});
