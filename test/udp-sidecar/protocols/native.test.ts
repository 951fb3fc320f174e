import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import {
  NATIVE_REQUEST_BYTES_MAX,
  NATIVE_REQUEST_BYTES_MIN,
  RECEIPT_FRESH_MS,
  LIVENESS_REPORT_MS,
} from "#shared/limits.ts";
import type { Ticket } from "#shared/auth/tickets.ts";
import { native } from "../../../udp-sidecar/protocols/native.ts";
import { GameTicketVerifier } from "../../../udp-sidecar/link/ticket-verifier.ts";
import { endpointOf, HOME, Rig, SHARED_PORT, T0, textOf } from "../../support/exchange.ts";
import { GOLDEN } from "../../support/golden-tickets.ts";
import { signTicket, createVerifier } from "../../support/tickets.ts";

const [ALICE, BOB] = ["a", "b"].map((letter) => letter.repeat(26)) as [string, string];
const LOBBY = `0-${"c".repeat(26)}`;
const UDP: Partial<Ticket> = { purpose: "udp", peer: ALICE, expires_at_s: T0 / 1_000 + 60 };
const SESSION: Partial<Ticket> = { ...UDP, purpose: "session", lobby: LOBBY };

const said = (...words: string[]): string => words.join(" ").padEnd(NATIVE_REQUEST_BYTES_MIN);
const made = (options: ConstructorParameters<typeof Rig>[0] = {}): Rig => new Rig({ wire: "native", ...options });
const receiptOf = (endpoint: Endpoint, peer = ALICE, at_ms = T0): string =>
  createVerifier().issueReceipt(peer, endpoint, at_ms)!;

describe("see", () => {
  test("is answered at once with the observed endpoint, a receipt, and the word", () => {
    const rig = made();
    for (const via of [HOME.via, SHARED_PORT]) {
      for (const player of ["A", "A'", "A6"]) {
        const [answer, ...more] = rig.send(player, said("see", signTicket(UDP), "word-1"), { via });
        expect(more).toStrictEqual([]);
        expect(answer).toMatchObject({ to: endpointOf(player), via });
        expect(textOf(answer!)).toBe(
          `seen ${formatEndpoint(endpointOf(player))} ${receiptOf(endpointOf(player))} word-1`,
        );
      }
    }
    expect(rig.sidecar().reports).toStrictEqual([]);
  });

  test("can omit the word, and use either key", () => {
    const rig = made();
    for (const key of GOLDEN.keys) {
      expect(rig.send("A", said("see", signTicket(UDP, key))).map(textOf)).toStrictEqual([
        `seen 192.0.2.1:5001 ${receiptOf(endpointOf("A"))}`,
      ]);
    }
  });

  test("is answered during an outage, and stores nothing", () => {
    const rig = made();
    rig.disconnect("north");
    for (let port = 1; port <= 100; port++) {
      expect(rig.send({ address: "192.0.2.1", port }, said("see", signTicket(UDP)))).toHaveLength(1);
    }
    expect(rig.sidecar().exchange.contacts.size).toBe(0);
    expect(rig.sidecar().outbox.size).toBe(0);
  });

  test("with a session ticket is a keepalive: the first is reported at once, later ones are not", () => {
    const rig = made();
    rig.send("A", said("see", signTicket(SESSION)));
    const heard = { kind: "heard", wire: "native", name: LOBBY, peer: ALICE, via: HOME.via, endpoint: endpointOf("A") };
    expect(rig.sidecar().reports).toStrictEqual([heard]);
    for (let second = 0; second < 40; second += 10) {
      rig.advance(10_000);
      expect(rig.send("A'", said("see", signTicket(SESSION)))).toHaveLength(1);
    }
    expect(rig.sidecar().reports).toStrictEqual([heard]);
    // A member that joined again has a new ticket.
    rig.send("A", said("see", signTicket({ ...SESSION, expires_at_s: SESSION.expires_at_s! + 1 })));
    expect(rig.sidecar().reports).toStrictEqual([heard, heard]);
    rig.send("B", said("see", signTicket({ ...SESSION, peer: BOB })));
    expect(rig.sidecar().reports).toHaveLength(3);
  });

  test("after a long silence is reported once more", () => {
    const rig = made();
    const long: Partial<Ticket> = { ...SESSION, expires_at_s: T0 / 1_000 + 3_600 };
    rig.send("A", said("see", signTicket(long)));
    rig.advance(LIVENESS_REPORT_MS + 1);
    rig.send("A", said("see", signTicket(long)));
    expect(rig.sidecar().reports).toHaveLength(2);
  });

  test("has a rate limit per address", () => {
    const rig = made({ limits: { stranger: { per_s: 10, burst: 20 } } });
    const answers = Array.from({ length: 100 }, () => rig.send("A", said("see", signTicket(UDP))).length);
    expect(answers.filter((count) => count > 0)).toHaveLength(20);
    expect(rig.send("B", said("see", signTicket(UDP)))).toHaveLength(1);
  });
});

describe("knock", () => {
  test("goes to the endpoint in the receipt, and nowhere else", () => {
    const rig = made();
    const knocked = rig.send("A'", said("knock", signTicket(UDP), receiptOf(endpointOf("A")), "7"), {
      via: SHARED_PORT,
    });
    expect(knocked.map((sent) => [sent.to, sent.via, textOf(sent)])).toStrictEqual([
      [endpointOf("A"), SHARED_PORT, "knocked 7"],
    ]);
  });

  test("accepts the receipt of another sidecar, whose clock may be slightly ahead", () => {
    const rig = made();
    const ahead = receiptOf(endpointOf("A"), ALICE, T0 + 2_000);
    expect(rig.send("A'", said("knock", signTicket(UDP), ahead), { sidecar: "south" })).toHaveLength(1);
  });

  test.each([
    ["no receipt", ""],
    ["another peer's receipt", receiptOf(endpointOf("B"), BOB)],
    ["a receipt that is too old", receiptOf(endpointOf("A"), ALICE, T0 - RECEIPT_FRESH_MS - 1)],
    ["a receipt from the future", receiptOf(endpointOf("A"), ALICE, T0 + 60_000)],
    ["a receipt of another game", createVerifier("other").issueReceipt(ALICE, endpointOf("A"), T0)!],
    ["a receipt with another endpoint in it", receiptOf(endpointOf("A")).replace("c0000201", "c0000202")],
  ])("with %s is not forwarded", (_, receipt) => {
    expect(made().send("A'", said("knock", signTicket(UDP), receipt))).toStrictEqual([]);
  });
});

describe("no reply is sent to", () => {
  const [first, second] = GOLDEN.keys;
  test.each([
    ["a ticket of another game", signTicket({ ...UDP, game: "other" })],
    ["a ticket of a relay, which only its ports take", signTicket({ ...SESSION, purpose: "relay" })],
    ["a peer's token for the hub", signTicket({ ...UDP, purpose: "peer" })],
    ["a ticket that is over", signTicket({ ...UDP, expires_at_s: T0 / 1_000 })],
    ["a forged ticket", `${signTicket(UDP).slice(0, -43)}${"A".repeat(43)}`],
    ["a ticket under the other key's name", signTicket(UDP, { ...second, id: first.id })],
    ["a ticket whose lobby was changed", signTicket(SESSION).replace(LOBBY, `0-${"d".repeat(26)}`)],
    ["no ticket", "nothing"],
  ])("%s", (_, ticket) => {
    const rig = made();
    expect(rig.send("A", said("see", ticket))).toStrictEqual([]);
    expect(rig.send("A", said("knock", ticket, receiptOf(endpointOf("A"))))).toStrictEqual([]);
    expect(rig.sidecar().reports).toStrictEqual([]);
  });

  test.each([
    ["a request that is not filled up", `see ${signTicket(UDP)}`],
    ["one that is too long", said("see", signTicket(UDP)).padEnd(NATIVE_REQUEST_BYTES_MAX + 1)],
    ["a word of seventeen letters", said("see", signTicket(UDP), "w".repeat(17))],
    ["a word that is not visible", said("see", signTicket(UDP), "a\tb")],
    ["two words", said("see", signTicket(UDP), "one", "two")],
    ["two blanks", said("see", "", signTicket(UDP))],
    ["a line that ends", `${said("see", signTicket(UDP))}\n`],
    ["another verb", said("saw", signTicket(UDP))],
    ["a capital", said("See", signTicket(UDP))],
  ])("%s", (_, text) => {
    expect(made().send("A", text)).toStrictEqual([]);
  });

  test("any request, before a hub was reached", () => {
    const wire = native(new GameTicketVerifier("arena"));
    const datagram = {
      bytes: Buffer.from(said("see", signTicket(UDP))),
      endpoint: endpointOf("A"),
      via: 1,
      exclusive: true,
    };
    expect(wire.handleDatagram(datagram, { find: () => undefined }, T0)).toStrictEqual({
      do: "drop",
      why: "no_ticket",
    });
  });
});

test("no reply is longer than its request, for any endpoint", () => {
  const rig = made({ limits: { stranger: { per_s: 1e6, burst: 1e6 } } });
  const longest: Endpoint = { address: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", port: 65_535 };
  const asked = said("see", signTicket({ ...UDP, game: "arena" }), "w".repeat(16));
  expect(asked).toHaveLength(NATIVE_REQUEST_BYTES_MIN);
  expect(rig.send(longest, asked)[0]!.bytes.length).toBeLessThanOrEqual(asked.length);
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.constantFrom("see", "knock", signTicket(UDP), ""), (text, begin) => {
      for (const via of [HOME.via, SHARED_PORT]) {
        const bytes = Buffer.from(`${begin} ${text}`).subarray(0, 400);
        for (const answer of rig.send(longest, bytes, { via })) {
          expect(answer.bytes.length).toBeLessThanOrEqual(bytes.length);
        }
      }
    }),
  );
});

test("a request with one byte changed gets the reply to the changed word or none", () => {
  const rig = made({ limits: { stranger: { per_s: 1e6, burst: 1e6 } } });
  const whole = Buffer.from(said("see", signTicket(UDP), "w"));
  const tail = `see ${signTicket(UDP)} `.length;
  for (let index = 0; index < whole.length; index++) {
    for (const byte of [0, 10, 32, 46, 65, 97, 128, 255]) {
      const damaged = Uint8Array.from(whole);
      damaged[index] = byte;
      if (byte === whole[index]) continue;
      const answers = rig.send("A", damaged).map(textOf);
      if (index < tail) expect([index, byte, answers]).toStrictEqual([index, byte, []]);
      else expect(answers.filter((answer) => !answer.startsWith("seen 192.0.2.1:5001 "))).toStrictEqual([]);
    }
  }
});
