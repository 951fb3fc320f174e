/** Endpoint claims: a session vouches for another socket of its address, after a datagram from there. */
import { describe, expect, test } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type DtlsTestClient, DtlsTestServer } from "../../../support/dtls.ts";

const HOME = { address: "192.0.2.1", port: 7_000 };
const GAME = { address: "192.0.2.1", port: 40_000 };

/** The session requests a claim; returns the reply, to be sent from the game's socket. */
function asks(at: DtlsTestServer, client: DtlsTestClient): Buffer {
  at.deliver(client, [client.encrypt("parley-endpoint?")]);
  return Buffer.from(client.received.pop()!);
}

/** A datagram in clear text; returns the client's messages because of it, or false if it was no claim. */
function inClear(
  at: DtlsTestServer,
  client: DtlsTestClient,
  from: Endpoint,
  datagram: Uint8Array,
): string | undefined | false {
  const taken = at.sessions.handleClaim(from, datagram, at.now);
  at.deliver(client, []);
  return taken && client.received.pop();
}

describe("a claim", () => {
  test("binds the session to the game's socket", async () => {
    const at = await DtlsTestServer.open();
    const client = at.connect(HOME);
    const claim = asks(at, client);
    expect(claim.toString()).toMatch(/^parley-endpoint [A-Za-z0-9_-]{22}$/);
    expect(inClear(at, client, GAME, claim)).toBe(`${claim} 192.0.2.1:40000`);
    expect(at.echoes(client, "hello")).toBe(true);
    expect(at.received).toStrictEqual(["192.0.2.1:40000 hello"]);
    // Messages to its first endpoint still reach it.
    expect(at.sessions.send(3_478, HOME, Buffer.from("to where it was"))).toBe(true);
    expect(at.sessions.send(3_479, GAME, Buffer.from("another port"))).toBe(false);
  });

  test("can be repeated, because datagrams get lost, but only from there", async () => {
    const at = await DtlsTestServer.open();
    const client = at.connect(HOME);
    const claim = asks(at, client);
    inClear(at, client, GAME, claim);
    at.now += 60_000;
    expect(inClear(at, client, GAME, claim)).toBe(`${claim} 192.0.2.1:40000`);
    expect(inClear(at, client, { ...GAME, port: 40_001 }, claim)).toBe(false);
    at.echoes(client, "hello");
    expect(at.received).toStrictEqual(["192.0.2.1:40000 hello"]);
  });

  test("is invalid at another address, after its lifetime, after a newer one, or after its session", async () => {
    const at = await DtlsTestServer.open();
    const client = at.connect(HOME);
    const first = asks(at, client);
    expect(inClear(at, client, { ...GAME, address: "192.0.2.2" }, first)).toBeUndefined();
    expect(at.count("dtls_dropped", "claim_elsewhere")).toBe(1);
    const second = asks(at, client);
    expect(inClear(at, client, GAME, first)).toBe(false);
    at.now += 30_000;
    expect(inClear(at, client, GAME, second)).toBe(false);
    const third = asks(at, client);
    at.deliver(client, client.conversation.close());
    expect(inClear(at, client, GAME, third)).toBe(false);
    expect(at.received).toStrictEqual([]);
  });

  test("does not take the endpoint of an active session", async () => {
    const at = await DtlsTestServer.open();
    const [victim, thief] = [at.connect(GAME), at.connect(HOME)];
    const claim = asks(at, thief);
    at.echoes(victim, "mine");
    expect(inClear(at, thief, GAME, claim)).toBeUndefined();
    expect(at.count("dtls_dropped", "claim_taken")).toBe(1);
    expect(at.sessions.send(3_478, GAME, Buffer.from("still there"))).toBe(true);
    at.deliver(victim, []);
    expect(victim.received.at(-1)).toBe("still there");
    // A game that restarts its control socket waits at most half a minute.
    at.now += 30_000;
    expect(inClear(at, thief, GAME, claim)).toBe(false);
    expect(inClear(at, thief, GAME, asks(at, thief))).toContain("192.0.2.1:40000");
  });

  test("ends when a session from that endpoint begins", async () => {
    const at = await DtlsTestServer.open();
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
    expect(at.received).toStrictEqual([
      "192.0.2.1:7000 claimed",
      "192.0.2.1:40000 owned",
      "192.0.2.1:7000 claimed again",
    ]);
  });

  test("can change to a third socket, and releases the second", async () => {
    const at = await DtlsTestServer.open();
    const client = at.connect(HOME);
    inClear(at, client, GAME, asks(at, client));
    inClear(at, client, { ...GAME, port: 40_001 }, asks(at, client));
    at.echoes(client, "hello");
    expect(at.received).toStrictEqual(["192.0.2.1:40001 hello"]);
    expect(at.sessions.send(3_478, GAME, Buffer.from("old"))).toBe(false);
  });

  test.each([
    "",
    "parley-endpoint",
    "parley-endpoint ",
    "parley-endpoint?",
    `parley-endpoint ${"A".repeat(22)}`,
    "x".repeat(2_000),
  ])("is not %j in clear text", async (text) => {
    const at = await DtlsTestServer.open();
    asks(at, at.connect(HOME));
    expect(at.sessions.handleClaim(GAME, Buffer.from(text), at.now)).toBe(false);
  });
});
