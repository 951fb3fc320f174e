/** A peer's own identity: what it reads of itself, and new tokens without losing seats. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { jwks, me, tokens } from "#shared/api/identity.ts";
import { PEER_TOKEN_S, SESSION_TICKET_S } from "#shared/limits.ts";
import { signProof } from "../../../worker/auth/proofs.ts";
import { app } from "../../../worker/http/app.ts";
import { ADMIN_KEYS, TOKEN_KEYS } from "../../support/keys.ts";
import { fits, freeOfCharge, Player, players } from "../support/player.ts";
import { newGame, ORIGIN, worker } from "../support/sidecar.ts";

let game = "";
let ann: Player;
let bob: Player;
beforeEach(async () => {
  game = newGame();
  freeOfCharge();
  vi.useFakeTimers({ toFake: ["Date"] });
  [ann, bob] = (await players(game, 2)) as [Player, Player];
});

const itself = async (player: Player) => fits(await player.ask("GET", "peers/me"), 200, me);

describe("a peer reads itself", () => {
  test("a peer without seats sees its id, the expiry of its token and its limits", async () => {
    expect(await itself(ann)).toStrictEqual({
      peer_id: ann.id,
      expires_at: new Date((Math.floor(Date.now() / 1_000) + PEER_TOKEN_S) * 1_000).toISOString(),
      seats: [],
      ban: null,
      limits: { lobbies_hosted_max: 4, seats_max: 16 },
    });
  });

  test("a peer sees its seats in all lobbies of both shards, with their deadlines", async () => {
    const [left, right] = await Player.ofBothShards(game);
    const { id } = await left.hosts();
    const { id: other } = await right.hosts({ name: "Other" });
    await left.enters(other);
    const { seats } = await itself(left);
    expect(seats).toMatchObject([
      { lobby_id: id, name: "Nice", host: true, state: "present" },
      { lobby_id: other, name: "Other", host: false, state: "present" },
    ]);
    expect(Date.parse(seats[0]!.seat_expires_at!)).toBeGreaterThan(Date.now());
  });

  test("a banned peer sees the ban and its message, unless the message is hidden", async () => {
    for (const [message_hidden, ban] of [
      [false, { message: "Cheating", expires_at: null }],
      [true, { expires_at: null }],
    ] as const) {
      const body = JSON.stringify({ peer_id: ann.id, message: "Cheating", moderator: "Op", message_hidden });
      const headers = { authorization: `Bearer ${ADMIN_KEYS[0]}`, "content-type": "application/json" };
      await worker(new Request(`${ORIGIN}/v1/admin/games/${game}/bans`, { method: "POST", headers, body }));
      expect((await itself(ann)).ban).toStrictEqual(ban);
      expect((await itself(bob)).ban).toBeNull();
    }
  });

  test("a request without a token is refused", async () => {
    const response = await worker(new Request(`${ORIGIN}/v1/games/${game}/peers/me`));
    expect(response.status).toBe(401);
  });
});

test("new tokens are the same peer's: it keeps its seats, also after the old token expired", async () => {
  const { id } = await ann.hosts();
  vi.setSystemTime(Date.now() + 10_000);
  const renewed = await fits(await ann.ask("POST", "peers/me/tokens"), 201, tokens);
  expect(renewed.peer_id).toBe(ann.id);
  expect(renewed.peer_token).not.toBe(ann.token);
  const headers = { authorization: `Bearer ${renewed.peer_token}` };
  const response = await ann.ask("GET", "peers/me", { headers });
  expect((await fits(response, 200, me)).seats).toMatchObject([{ lobby_id: id, host: true }]);
  vi.setSystemTime(Date.now() + (PEER_TOKEN_S - 5) * 1_000);
  expect(await ann.refused("GET", "peers/me")).toBe("unauthorized");
  expect((await ann.ask("GET", "peers/me", { headers })).status).toBe(200);
});

describe("the proof of a membership", () => {
  const keysOf = async (TOKENS: string) => {
    const response = await app.fetch(new Request(`${ORIGIN}/.well-known/jwks.json`), { ...env, TOKEN_KEYS: TOKENS });
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    return (await fits(response, 200, jwks)).keys;
  };
  const decoded = (part: string): unknown => JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/")));
  const bytes = (part: string) =>
    Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (unit) => unit.charCodeAt(0));

  test("names game, lobby, peer and expiry, and is verified by the published key", async () => {
    const { id } = await ann.hosts();
    const { membership_proof: proof } = await bob.joins(id);
    const [header, claims, signature] = proof!.split(".") as [string, string, string];
    const iat = Math.floor(Date.now() / 1_000);
    expect(decoded(claims)).toStrictEqual({
      aud: `parley:${game}`,
      sub: bob.id,
      lobby_id: id,
      iat,
      exp: iat + SESSION_TICKET_S,
    });
    const [published] = await keysOf(TOKEN_KEYS.join());
    expect(decoded(header)).toStrictEqual({ alg: "EdDSA", typ: "JWT", kid: published!.kid });
    const key = await crypto.subtle.importKey("jwk", published!, "Ed25519", false, ["verify"]);
    const signed = new TextEncoder().encode(`${header}.${claims}`);
    expect(await crypto.subtle.verify("Ed25519", key, bytes(signature), signed)).toBe(true);
  });

  test("a rotation publishes both keys, and the new one signs", async () => {
    const [older, newer] = ["older-key-of-the-rotation-test-7f3k", "newer-key-of-the-rotation-test-9x2m"];
    const [before] = await keysOf(older);
    const both = await keysOf(`${newer},${older}`);
    expect(both).toHaveLength(2);
    expect(both[1]).toStrictEqual(before);
    const settings = { ...env, TOKEN_KEYS: `${newer},${older}` };
    const claims = { game, lobby: "0-x", peer: ann.id, issued_at_s: 1, expires_at_s: 2 };
    const proof = await signProof(settings, claims);
    expect(decoded(proof!.split(".")[0]!)).toMatchObject({ kid: both[0]!.kid });
    expect(await keysOf("")).toStrictEqual([]);
    expect(await signProof({ ...env, TOKEN_KEYS: "" }, claims)).toBeNull();
  });
});
