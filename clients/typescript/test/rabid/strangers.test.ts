/** A Rabid session and unknown, confused or hostile senders that know its port, in virtual time. */
import { describe, expect, test } from "vitest";
import type { Endpoint } from "../../src/util/addresses.ts";
import { hasMet, lobby, seeds } from "../support/rabid-lobby.ts";
import { BOB, SERVER, START, started, SessionFixture } from "../support/rabid-table.ts";
import { seeded } from "../../../../test/support/dice.ts";

describe("strangers", () => {
  test("messages of unknown players, from private addresses, or without sense change nothing", () => {
    const one = started();
    const { now } = one;
    for (const [line, source] of [
      ["g:Mallory:1:5001", BOB],
      ["r:Bob:2", { address: "192.168.1.1", port: 5_002 }],
      ["r:Bob:2", { address: "127.0.0.1", port: 5_002 }],
      ["s:0", BOB],
      ["error:kicked_by_host", BOB],
      ["i:Mallory", BOB],
      ["s:1:Mallory:203.0.113.9:9", BOB],
      ["", BOB],
    ] as const) {
      one.session.receive(Buffer.from(line), source, now);
    }
    one.pass(100);
    expect(one.sent.filter(({ line }) => line.startsWith("r:"))).toEqual([]);
    expect(one.events()).toEqual([]);
  });

  test("only the host may start, from its own endpoint", () => {
    const one = new SessionFixture();
    one.server("i:Bob:Alice:Carol");
    one.server(`${START};Carol:203.0.113.3:5003`);
    one.events();
    const carol = { address: "203.0.113.3", port: 5_003 };
    const hears = (line: string, source: Endpoint): void => one.session.receive(Buffer.from(line), source, one.now);
    hears("s:0", BOB);
    hears("r:Bob:2", BOB);
    hears("r:Carol:2", carol);
    hears("s:0", carol);
    hears("s:0", { ...BOB, port: 6_000 });
    one.pass(1_000);
    expect(one.events()).toEqual([]);
    hears("s:0", BOB);
    one.pass(1_000);
    expect(one.events()).toMatchObject([{ type: "met", peers: [{ name: "Bob" }, { name: "Carol" }] }]);
  });

  test("a player that reaches this peer at another port than the server saw gets that port", () => {
    const one = started();
    one.session.receive(Buffer.from("g:Bob:5002:5009"), BOB, one.now);
    one.pass(6_000);
    const confirmations = one.sent.filter(({ line }) => line.startsWith("c:Alice"));
    expect(new Set(confirmations.map(({ line }) => line))).toEqual(new Set(["c:Alice:5009"]));
  });

  test("a player is accepted at another port or public address, but not after its own was received", () => {
    const one = started();
    const hears = (line: string, source: Endpoint): string | undefined => {
      one.sent.length = 0;
      one.session.receive(Buffer.from(line), source, one.now);
      one.pass(10);
      const answer = one.sent.find((sent) => sent.line.startsWith("r:"));
      return answer === undefined ? undefined : `${answer.line} ${answer.to.address}:${answer.to.port}`;
    };
    expect(hears("g:Bob:5002:5001", { address: "8.8.8.8", port: 1 })).toBe("r:Alice:1 8.8.8.8:1");
    expect(hears("g:Bob:5002:5001", { address: BOB.address, port: 6_000 })).toBe("r:Alice:1 203.0.113.2:6000");
    expect(hears("g:Bob:5002:5001", { address: "8.8.8.8", port: 1 })).toBeUndefined();
    expect(hears("r:Bob:1", { address: BOB.address, port: 6_000 })).toBe("r:Alice:2 203.0.113.2:6000");
    expect(hears("r:Bob:1", { address: BOB.address, port: 7_000 })).toBeUndefined();
  });

  test("a player that repeats forever gets a bounded number of answers, at least 5 ms apart", () => {
    const one = started();
    one.session.receive(Buffer.from("r:Bob:1"), BOB, one.now);
    one.sent.length = 0;
    for (let turn = 0; turn < 20_000; turn++) {
      one.pass(1);
      one.session.receive(Buffer.from("r:Bob:1"), BOB, one.now);
    }
    const answers = one.sent.filter(({ line }) => line.startsWith("r:"));
    expect(answers.length).toBeLessThanOrEqual(2_000);
    const gaps = answers.slice(1).map(({ at }, index) => at - answers[index]!.at);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5);
  });

  test("a player that echoes confirmations gets no more than the bound for unproven players", () => {
    const one = started();
    one.sent.length = 0;
    for (let turn = 0; turn < 4_000; turn++) {
      one.pass(4);
      one.session.receive(Buffer.from("c:Bob:5002"), BOB, one.now);
    }
    expect(one.sent.length).toBeLessThanOrEqual(600);
  });

  test("noise during the handshakes neither throws nor prevents the meeting", () => {
    const dice = seeded(7);
    for (const seed of seeds(20)) {
      const { net, ours } = lobby(["Alice", "Bob", "Carol"], { seed });
      const sources = [
        SERVER,
        ...ours.map(({ address, port }) => ({ address, port })),
        { address: "8.8.8.8", port: 9 },
      ];
      for (let turn = 0; turn < 300; turn++) {
        for (const player of ours) {
          const size = Math.floor(dice() * 40);
          const noise = Buffer.from(Array.from({ length: size }, () => Math.floor(dice() * 256)));
          const letter = "gcsyrixe"[Math.floor(dice() * 8)]!;
          const source = sources[Math.floor(dice() * sources.length)]!;
          net.inject(Buffer.concat([Buffer.from(`${letter}:`), noise]), source, {
            address: player.address,
            port: 5_000,
          });
        }
        net.pass(1);
      }
      expect({ seed, met: net.run(() => ours.every(hasMet)) }).toEqual({ seed, met: true });
    }
  });
});
