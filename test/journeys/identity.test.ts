/**
 * Peers with a proof of identity, at a real hub: an OpenID Connect provider with keys that jose made, a stand-in of Steam's
 * Web API, and the webhook of reports. All three are one HTTP server of this test, because the hub must reach them.
 */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ParleyClient } from "../../clients/typescript/src/node/client.ts";
import { TestStack } from "../support/test-stack.ts";

const TICKETS: Readonly<Record<string, string>> = { "14ab": "76561197960287930", "14cd": "76561197960287931" };
const ADMIN = "admin-key-of-the-journey";
const REPORTS_KEY = "reports-key-of-the-journey";

let stack: TestStack;
let server: Server;
let issuer = "";
let signer: Awaited<ReturnType<typeof generateKeyPair>>["privateKey"];
let isDown = false;
const asked: string[] = [];
const reports: { headers: Record<string, unknown>; body: string }[] = [];
const clients: ParleyClient[] = [];

beforeAll(async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  signer = pair.privateKey;
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: "one", alg: "ES256", use: "sig" };
  server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url!, issuer);
      asked.push(url.pathname);
      const json = (value: object): void =>
        void response.setHeader("content-type", "application/json").end(JSON.stringify(value));
      if (isDown) response.writeHead(503).end();
      else if (url.pathname === "/.well-known/openid-configuration") json({ issuer, jwks_uri: `${issuer}/keys` });
      else if (url.pathname === "/keys") json({ keys: [jwk] });
      else if (url.pathname === "/reports") {
        reports.push({ headers: request.headers, body: await text(request) });
        response.writeHead(204).end();
      } else {
        const { key, appid, ticket = "" } = Object.fromEntries(url.searchParams);
        const steamid = key === "STEAMKEY" && appid === "480" ? TICKETS[ticket] : undefined;
        const error = { errorcode: 101, errordesc: "Invalid ticket" };
        json({
          response: steamid === undefined ? { error } : { params: { result: "OK", steamid, ownersteamid: steamid } },
        });
      }
    })();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const steam = { name: "steam", kind: "steam", app_id: 480, web_api_key: "STEAMKEY", api_url: issuer };
  const oidc = { name: "home", kind: "oidc", issuer, audience: "arena-client" };
  const settings = {
    ADMIN_KEYS: ADMIN,
    GAMES: "default,strict",
    IDENTITY: JSON.stringify({
      default: { required: false, providers: [steam, oidc] },
      strict: { required: true, providers: [oidc] },
    }),
    IDENTITY_KEY: "identity-key-of-the-journey-which-stays",
    REPORTS_KEY,
    REPORTS_WEBHOOK: `${issuer}/reports`,
  };
  stack = await TestStack.open();
  await stack.stopHub();
  await stack.startHub({ settings });
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await stack?.close();
  server?.close();
});

type Claims = { readonly sub?: string; readonly aud?: string; readonly iss?: string; readonly exp?: string };

async function idToken({ sub = "ann", aud = "arena-client", iss = issuer, exp = "5m" }: Claims = {}, key = signer) {
  const jwt = new SignJWT({}).setProtectedHeader({ alg: "ES256", kid: "one" }).setIssuedAt();
  return jwt.setSubject(sub).setAudience(aud).setIssuer(iss).setExpirationTime(exp).sign(key);
}

async function requests(proof: object | undefined, game = "default"): Promise<{ peer_id?: string; code?: string }> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ proof }) };
  return (await (await fetch(`${stack.url}/v1/games/${game}/peers`, init)).json()) as { peer_id?: string };
}

const home = async (claims: Claims = {}) => ({ provider: "home", token: await idToken(claims) });
const steam = (token: string) => ({ provider: "steam", token });

async function client(provider: "home" | "steam", who: string): Promise<ParleyClient> {
  const proof = async () => (provider === "steam" ? steam(who) : home({ sub: who }));
  const opened = await ParleyClient.open({ url: stack.url, proof });
  clients.push(opened);
  return opened;
}

test("a user has one peer id per game, whatever the device, and each user and provider another one", async () => {
  const [ann, again, bob, gabe] = [
    await client("home", "ann"),
    await client("home", "ann"),
    await client("home", "bob"),
    await client("steam", "14ab"),
  ];
  expect([again.id, new Set([ann.id, bob.id, gabe.id]).size]).toStrictEqual([ann.id, 3]);
  expect((await requests(await home(), "strict")).peer_id).not.toBe(ann.id);
  expect((await requests(undefined)).peer_id).toMatch(/^[0-9a-v]{26}$/);
  expect(ann.id).toMatch(/^[0-9a-v]{26}$/);
});

test("wrong proofs are refused", async () => {
  const { privateKey } = await generateKeyPair("ES256");
  const none = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
  const [, claims] = (await idToken()).split(".") as [string, string];
  const proofs: object[] = [
    await home({ aud: "another-client" }),
    await home({ iss: "https://elsewhere.example" }),
    await home({ exp: "-1s" }),
    { provider: "home", token: await idToken({}, privateKey) },
    { provider: "home", token: `${none}.${claims}.` },
    { provider: "home", token: "nonsense" },
    { provider: "nobody", token: await idToken() },
    steam("14ff"),
    steam("no hexadecimal"),
  ];
  for (const proof of proofs)
    expect([proof, await requests(proof)]).toMatchObject([proof, { code: "identity_invalid" }]);
  expect(await requests(undefined, "strict")).toMatchObject({ code: "identity_required" });
});

test("an operator's ban of a proved peer holds after a new installation", async () => {
  const mallory = await client("steam", "14cd");
  const headers = { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" };
  const body = JSON.stringify({ peer_id: mallory.id, message: "aimbot", moderator: "mo" });
  await fetch(`${stack.url}/v1/admin/games/default/bans`, { method: "POST", headers, body });
  expect(await requests(steam("14cd"))).toMatchObject({ code: "banned", detail: "aimbot" });
});

test("a host's ban of a proved peer holds after a new installation", async () => {
  const [host, bob] = [await client("home", "ann"), await client("home", "bob")];
  const { lobby } = await host.host({ name: "Nice", seats: 4 });
  await bob.join({ id: lobby.id });
  await host.hub.banMember(lobby.id, { peer_id: bob.id });
  const returning = await client("home", "bob");
  await expect(returning.join({ id: lobby.id })).rejects.toMatchObject({ code: "kicked" });
});

test("a report reaches the webhook with its signature", async () => {
  const [host, guest] = [await client("home", "ann"), await client("home", "carl")];
  const { lobby } = await host.host({ name: "Reported", seats: 4 });
  await guest.join({ id: lobby.id });
  const { report_id } = await guest.hub.reportMember(lobby.id, { peer_id: host.id, category: "abuse" });
  await vi.waitFor(() => expect(reports).toHaveLength(1), { timeout: 60_000 });
  const [{ headers, body }] = reports as [(typeof reports)[0]];
  const signed = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`;
  const signature = createHmac("sha256", REPORTS_KEY).update(signed).digest("base64");
  expect([headers["webhook-signature"], JSON.parse(body)]).toMatchObject([`v1,${signature}`, { report_id }]);
});

test("a provider that does not answer is unavailable, and anonymous peers are not affected", async () => {
  isDown = true;
  expect(await requests(steam("14ab"))).toMatchObject({ code: "identity_unavailable" });
  expect(await requests(undefined)).toHaveProperty("peer_id");
  isDown = false;
  expect(await requests(steam("14ab"))).toHaveProperty("peer_id");
});
