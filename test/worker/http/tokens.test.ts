import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import type { Ticket } from "#shared/auth/tickets.ts";
import type { Env } from "../../../worker/env.ts";
import { peerToken, verify, verifyReceipt, sign, ticketKeys } from "../../../worker/auth/tokens.ts";
import { GOLDEN } from "../../support/golden-tickets.ts";

const NOW = 1_799_999_999_000;
const [first, other] = env.TOKEN_KEYS!.split(",") as [string, string];
const holding = (...keys: string[]): Env => ({ ...env, TOKEN_KEYS: keys.join(",") });
const token = async (settings: Env): Promise<string> =>
  (await peerToken(settings, "arena", GOLDEN.ticket.peer, NOW))!.text;

test("a ticket and the sidecars' keys equal those that Node computes", async () => {
  expect(await sign(env, GOLDEN.ticket)).toStrictEqual({ text: GOLDEN.text, expires_at_s: 1_800_000_000 });
  expect(await ticketKeys(env)).toStrictEqual(GOLDEN.keys);
  expect(await verify(env, GOLDEN.text, NOW)).toStrictEqual(GOLDEN.ticket);
});

test("a receipt that Node signed is valid for its peer and game only, and unchanged only", async () => {
  const { game, peer } = GOLDEN.seen;
  expect(await verifyReceipt(env, game, peer, GOLDEN.receipt)).toStrictEqual(GOLDEN.seen);
  expect(await verifyReceipt(env, "other", peer, GOLDEN.receipt)).toBe(null);
  expect(await verifyReceipt(env, game, "b".repeat(26), GOLDEN.receipt)).toBe(null);
  expect(await verifyReceipt(holding(other), game, peer, GOLDEN.receipt)).toBe(null);
  for (let at = 0; at < GOLDEN.receipt.length; at++) {
    const letter = GOLDEN.receipt[at] === "1" ? "2" : "1";
    const text = GOLDEN.receipt.slice(0, at) + letter + GOLDEN.receipt.slice(at + 1);
    expect([at, await verifyReceipt(env, game, peer, text)]).toStrictEqual([at, null]);
  }
});

describe("key rotation", () => {
  test("the previous key verifies until it is removed", async () => {
    const old = await token(holding(first));
    expect(await verify(holding(other, first), old, NOW)).toMatchObject({ peer: GOLDEN.ticket.peer });
    expect(await verify(holding(other), old, NOW)).toBe(null);
  });

  test("the newest key signs", async () => {
    const young = await token(holding(other, first));
    expect(await verify(holding(other), young, NOW)).toMatchObject({ game: "arena", purpose: "peer" });
    expect(await verify(holding(first), young, NOW)).toBe(null);
  });
});

describe("a token is invalid", () => {
  test("after it expired", async () => {
    const text = await token(env);
    const end = NOW + 30 * 24 * 3_600_000;
    expect([await verify(env, text, end - 1_001), await verify(env, text, end)]).toStrictEqual([
      expect.anything(),
      null,
    ]);
  });

  test("if one letter differs", async () => {
    const text = await token(env);
    for (let at = 0; at < text.length; at++) {
      const letter = text[at] === "b" ? "c" : "b";
      expect([at, await verify(env, text.slice(0, at) + letter + text.slice(at + 1), NOW)]).toStrictEqual([at, null]);
    }
  });

  test("if a ticket poses as a peer token, because sidecars know the ticket key", async () => {
    const { id, secret } = (await ticketKeys(env))[0]!;
    const claims = `peer.${id}.arena..${GOLDEN.ticket.peer}.tro8w0`;
    const key = await crypto.subtle.importKey(
      "raw",
      new TextEncoder().encode(secret),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"],
    );
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(claims)));
    const signature = btoa(String.fromCharCode(...mac))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .slice(0, 43);
    expect(await verify(env, `${claims}.${signature}`, NOW)).toBe(null);
    // Only the key differs: the same claims under a ticket's purpose would verify.
    const udp: Ticket = GOLDEN.ticket;
    expect(await verify(env, (await sign(env, udp))!.text, NOW)).toStrictEqual(udp);
  });
});

test.each([undefined, "", " , ", "short", "k".repeat(31)])(
  "TOKEN_KEYS=%j neither signs nor verifies, and is logged",
  async (keys) => {
    const complaint = vi.spyOn(console, "error").mockImplementation(() => {});
    const settings = { ...env, TOKEN_KEYS: keys } as Env;
    // Another setting in between, so that nothing is cached.
    const text = await token(env);
    expect(await sign(settings, GOLDEN.ticket)).toBe(null);
    expect(await verify(settings, text, NOW)).toBe(null);
    expect(await ticketKeys(settings)).toStrictEqual([]);
    expect(complaint).toHaveBeenCalledWith({ message: expect.stringContaining("TOKEN_KEYS must be"), usable: 0 });
  },
);
