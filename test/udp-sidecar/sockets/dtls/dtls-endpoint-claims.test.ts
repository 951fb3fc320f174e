/** Claims: a session speaks for another socket of its own address, once it has been heard from there. */
import { describe, expect, test } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Client, Meeting } from "../../../support/dtls.ts";

const HOME = { address: "192.0.2.1", port: 7_000 };
const GAME = { address: "192.0.2.1", port: 40_000 };

/** The session asks for a claim; gives what it is told, to be sent from the game's socket. */
function asks(at: Meeting, client: Client): Buffer {
  at.carry(client, [client.say("parley-endpoint?")]);
  return Buffer.from(client.heard.pop()!);
}

/** A datagram in clear; gives what the client was told because of it, or false where it was no claim. */
function inClear(at: Meeting, client: Client, from: Endpoint, datagram: Uint8Array): string | undefined | false {
  const taken = at.sessions.handleClaim(from, datagram, at.now);
  at.carry(client, []);
  return taken && client.heard.pop();
}

describe("a claim", () => {
  test("makes the session speak for the game's socket, and be answered as that", async () => {
    const at = await Meeting.open();
    const client = at.connect(HOME);
    const claim = asks(at, client);
    expect(claim.toString()).toMatch(/^parley-endpoint [A-Za-z0-9_-]{22}$/);
    expect(inClear(at, client, GAME, claim)).toBe(`${claim} 192.0.2.1:40000`);
    expect(at.echoes(client, "hello")).toBe(true);
    expect(at.heard).toStrictEqual(["192.0.2.1:40000 hello"]);
    // What was told to it before goes on reaching it.
    expect(at.sessions.send(3_478, HOME, Buffer.from("to where it was"))).toBe(true);
    expect(at.sessions.send(3_479, GAME, Buffer.from("another port"))).toBe(false);
  });

  test("may be repeated, since datagrams get lost, but only from there", async () => {
    const at = await Meeting.open();
    const client = at.connect(HOME);
    const claim = asks(at, client);
    inClear(at, client, GAME, claim);
    at.now += 60_000;
    expect(inClear(at, client, GAME, claim)).toBe(`${claim} 192.0.2.1:40000`);
    expect(inClear(at, client, { ...GAME, port: 40_001 }, claim)).toBe(false);
    at.echoes(client, "hello");
    expect(at.heard).toStrictEqual(["192.0.2.1:40000 hello"]);
  });

  test("is worth nothing at another address, after a while, when another was asked for, or after its session", async () => {
    const at = await Meeting.open();
    const client = at.connect(HOME);
    const first = asks(at, client);
    expect(inClear(at, client, { ...GAME, address: "192.0.2.2" }, first)).toBeUndefined();
    expect(at.count("dtls_dropped", "claim_elsewhere")).toBe(1);
    const second = asks(at, client);
    expect(inClear(at, client, GAME, first)).toBe(false);
    at.now += 30_000;
    expect(inClear(at, client, GAME, second)).toBe(false);
    const third = asks(at, client);
    at.carry(client, client.conversation.close());
    expect(inClear(at, client, GAME, third)).toBe(false);
    expect(at.heard).toStrictEqual([]);
  });

  test("takes nobody's endpoint who is still talking", async () => {
    const at = await Meeting.open();
    const [victim, thief] = [at.connect(GAME), at.connect(HOME)];
    const claim = asks(at, thief);
    at.echoes(victim, "mine");
    expect(inClear(at, thief, GAME, claim)).toBeUndefined();
    expect(at.count("dtls_dropped", "claim_taken")).toBe(1);
    expect(at.sessions.send(3_478, GAME, Buffer.from("still his"))).toBe(true);
    at.carry(victim, []);
    expect(victim.heard.at(-1)).toBe("still his");
    // A game that starts its control socket anew waits for half a minute at the most.
    at.now += 30_000;
    expect(inClear(at, thief, GAME, claim)).toBe(false);
    expect(inClear(at, thief, GAME, asks(at, thief))).toContain("192.0.2.1:40000");
  });

  test("ends where a session from that very endpoint begins: its owner is back", async () => {
    const at = await Meeting.open();
    const client = at.connect(HOME);
    inClear(at, client, GAME, asks(at, client));
    const owner = at.connect(GAME);
    for (const [one, text] of [
      [client, "claimed"],
      [owner, "owned"],
      [client, "claimed again"],
    ] as const) {
      expect(at.echoes(one, text)).toBe(true);
    }
    expect(at.heard).toStrictEqual(["192.0.2.1:7000 claimed", "192.0.2.1:40000 owned", "192.0.2.1:7000 claimed again"]);
  });

  test("can move on to a third socket, and leaves the second", async () => {
    const at = await Meeting.open();
    const client = at.connect(HOME);
    inClear(at, client, GAME, asks(at, client));
    inClear(at, client, { ...GAME, port: 40_001 }, asks(at, client));
    at.echoes(client, "hello");
    expect(at.heard).toStrictEqual(["192.0.2.1:40001 hello"]);
    expect(at.sessions.send(3_478, GAME, Buffer.from("old"))).toBe(false);
  });

  test.each([
    "",
    "parley-endpoint",
    "parley-endpoint ",
    "parley-endpoint?",
    `parley-endpoint ${"A".repeat(22)}`,
    "x".repeat(2_000),
  ])("is not what says %j in clear", async (text) => {
    const at = await Meeting.open();
    asks(at, at.connect(HOME));
    expect(at.sessions.handleClaim(GAME, Buffer.from(text), at.now)).toBe(false);
  });
});
