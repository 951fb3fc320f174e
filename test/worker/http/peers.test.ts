import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { app } from "../../../worker/http/app.ts";
import type { Env } from "../../../worker/env.ts";
import { verify } from "../../../worker/auth/tokens.ts";
import { problemOf } from "../support/http-fixture.ts";
import { newGame, ORIGIN, Sidecar, worker } from "../support/sidecar.ts";
import { tablesOf } from "../support/hub-inspector.ts";

type Identity = { peer_id: string; peer_token: string; udp_token: string; expires_at: string; sidecars: unknown[] };

const makePeer = (game: string, settings: Env = env): Promise<Response> =>
  Promise.resolve(app.fetch(new Request(`${ORIGIN}/v1/games/${game}/peers`, { method: "POST" }), settings));

describe("a new peer", () => {
  test("a peer gets an id, a hub token, a sidecar token and their expiry", async () => {
    const response = await makePeer("arena");
    expect([response.status, response.headers.get("cache-control")]).toStrictEqual([201, "no-store"]);
    const { peer_id, peer_token, udp_token, expires_at, sidecars } = await response.json<Identity>();
    const month = 30 * 24 * 3_600_000;
    expect(Math.abs(Date.parse(expires_at) - month - Date.now())).toBeLessThan(60_000);
    expect(sidecars).toStrictEqual([]);
    const told = { game: "arena", peer: peer_id, lobby: null };
    expect(await verify(env, peer_token, Date.now())).toMatchObject({ ...told, purpose: "peer" });
    expect(await verify(env, udp_token, Date.now())).toMatchObject({ ...told, purpose: "udp" });
  });

  test("a peer gets the sidecars whose link is up, and no others", async () => {
    const game = newGame();
    const north = await Sidecar.open(game, { name: "north" });
    await north.hello({ addresses: ["198.51.100.9", "2001:db8::9"] });
    await Sidecar.open(game, { name: "silent" });
    const { sidecars } = await (await makePeer(game)).json<Identity>();
    const ports = [{ port: 3_478, wires: ["rabid"] }];
    expect(sidecars).toStrictEqual([{ id: "north", region: "weur", v4: ["198.51.100.9"], v6: ["2001:db8::9"], ports }]);
  });

  test("every peer is different and leaves no rows", async () => {
    const game = newGame();
    const made = await Promise.all(Array.from({ length: 20 }, async () => (await makePeer(game)).json<Identity>()));
    expect(new Set(made.map(({ peer_id }) => peer_id)).size).toBe(20);
    expect(new Set(made.map(({ peer_token }) => peer_token)).size).toBe(20);
    expect(await tablesOf(game)).toStrictEqual([]);
  });

  test("a hub without a key refuses to create peers with Retry-After", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const response = await makePeer("arena", { ...env, TOKEN_KEYS: "" });
    expect(response.headers.get("retry-after")).toBe("2");
    expect(await problemOf(response)).toMatchObject({ status: 503, code: "hub_unavailable" });
  });

  test.each(["UPPER", "-x", "%00", "a".repeat(33)])("no peer is created in a game named %s", async (game) => {
    expect(await problemOf(await makePeer(game))).toMatchObject({ code: "invalid_request" });
  });

  test("peers are created by POST only", async () => {
    for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE"]) {
      const response = await worker(new Request(`${ORIGIN}/v1/games/arena/peers`, { method }));
      expect([method, response.status, response.headers.get("allow")]).toStrictEqual([method, 405, "POST"]);
    }
  });
});
