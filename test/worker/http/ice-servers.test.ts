/** STUN and TURN servers for browsers, and the settings of the TURN servers. */
import { env } from "cloudflare:workers";
import { createExecutionContext } from "cloudflare:test";
import { beforeEach, expect, test, vi } from "vitest";
import { iceServers, type IceServers } from "#shared/api/ice-servers.ts";
import { TURN_CREDENTIAL_S } from "#shared/limits.ts";
import { app } from "../../../worker/http/app.ts";
import { fits, freeOfCharge, Player } from "../support/player.ts";
import { newGame, ORIGIN, Sidecar } from "../support/sidecar.ts";

const TURN = {
  TURN_URLS: "turn:turn.test:3478?transport=udp,turns:[2001:db8::1]:443",
  TURN_SECRET: "north-0917-2468-abcdef",
};

let game = "";
let ann: Player;
beforeEach(async () => {
  game = newGame();
  freeOfCharge();
  ann = await Player.of(game);
});

const read = async (settings: object = TURN, path = `/v1/games/${game}/ice-servers`): Promise<Response> => {
  const headers = { authorization: `Bearer ${ann.token}` };
  return app.fetch(new Request(`${ORIGIN}${path}`, { headers }), { ...env, ...settings }, createExecutionContext());
};

test("a member gets STUN of a sidecar, and TURN with a credential that expires", async () => {
  await ann.hosts();
  const sidecar = await Sidecar.open(game);
  await sidecar.hello({ addresses: ["198.51.100.9", "2001:db8::9"] });
  const before_s = Math.floor(Date.now() / 1_000);
  const { ice_servers, expires_at }: IceServers = await fits(await read(), 200, iceServers);
  const [stun, turn] = ice_servers;
  expect(stun).toStrictEqual({ urls: ["stun:198.51.100.9:3478", "stun:[2001:db8::9]:3478"] });
  const [expiry_s, peer] = turn!.username!.split(":");
  expect([turn!.urls, peer]).toStrictEqual([TURN.TURN_URLS.split(","), ann.id]);
  expect(Date.parse(expires_at) / 1_000).toBe(Number(expiry_s));
  expect(Number(expiry_s) - before_s).toBeGreaterThanOrEqual(TURN_CREDENTIAL_S);
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const key = await crypto.subtle.importKey("raw", bytes(TURN.TURN_SECRET), { name: "HMAC", hash: "SHA-1" }, false, [
    "verify",
  ]);
  const hmac = Uint8Array.from(atob(turn!.credential!), (letter) => letter.charCodeAt(0));
  expect(await crypto.subtle.verify("HMAC", key, hmac, bytes(turn!.username!))).toBe(true);
});

test("a peer without a seat gets no credential", async () => {
  const response = await read();
  expect([response.status, await response.json()]).toMatchObject([403, { code: "not_member" }]);
});

test.each([
  [{ TURN_URLS: "turn:turn.test", TURN_SECRET: "" }, "TURN_SECRET: a key has fewer than 16 characters"],
  [{ TURN_URLS: "https://turn.test", TURN_SECRET: TURN.TURN_SECRET }, "TURN_URLS: URLs such as turn:"],
  [{ TURN_URLS: "", TURN_SECRET: TURN.TURN_SECRET }, "TURN_URLS is not: set both"],
])("wrong settings are named by /readyz, and members get no TURN server: %o", async (settings, message) => {
  const logged = vi.spyOn(console, "error").mockReturnValue();
  await ann.hosts();
  expect(await fits(await read(settings), 200, iceServers)).toMatchObject({ ice_servers: [] });
  expect(JSON.stringify(logged.mock.calls)).toContain(message);
  expect(await (await read(settings, "/readyz")).json()).toMatchObject({ detail: expect.stringContaining(message) });
});
