import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { auditPage, type AuditEntry } from "#shared/api/moderation/audit.ts";
import { OPERATIONS } from "#shared/api/openapi.ts";
import { AUDIT_ENTRIES_MAX } from "#shared/limits.ts";
import { parseOperatorKeys, ROLES } from "#shared/settings/operator-keys.ts";
import { app } from "../../../../worker/http/app.ts";
import { problemOf } from "../../support/http-fixture.ts";
import { hubFor } from "../../support/hub-inspector.ts";
import { fits, freeOfCharge, Player } from "../../support/player.ts";
import { newGame, ORIGIN } from "../../support/sidecar.ts";

const KEYS = {
  read: "reader-key-of-the-tests",
  moderate: "moderator-key-of-the-tests",
  own: "owner-key-of-the-tests",
} as const;
const ADMIN_KEYS = [
  `read:${KEYS.read}`,
  `moderate@arena+quest:${KEYS.moderate}`,
  `own@arena:${KEYS.own}`,
  "everything-key-of-the-tests",
].join(", ");

beforeEach(freeOfCharge);

async function ask(key: string, method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  return app.fetch(new Request(ORIGIN + path, { method, headers, ...init }), { ...env, ADMIN_KEYS });
}

const admin = (game: string, path: string): string => `/v1/admin/games/${game}/${path}`;
const BAN = { ip_prefix: "192.0.2.1", message: "aimbot", moderator: "mo" };

describe("ADMIN_KEYS", () => {
  test("a key without a role allows everything, and a scope names a role and games", () => {
    const { keys, faults } = parseOperatorKeys(ADMIN_KEYS);
    expect(faults).toStrictEqual([]);
    expect(keys.map(({ role, games }) => [role, games === null ? null : [...games]])).toStrictEqual([
      ["read", null],
      ["moderate", ["arena", "quest"]],
      ["own", ["arena"]],
      ["own", null],
    ]);
  });

  test("every faulty entry is reported by its number, without its key, and does not count", () => {
    const setting = `admin:${KEYS.own}, read@Arena!:${KEYS.read}, short, moderate:change-me-change-me, ${KEYS.own}, own:${KEYS.own}`;
    const { keys, faults } = parseOperatorKeys(setting);
    expect(keys.map(({ key }) => key)).toStrictEqual([KEYS.own]);
    expect(faults.map((fault) => fault.slice(0, 50))).toStrictEqual([
      "ADMIN_KEYS: entry 1: the role read, moderate, own ",
      "ADMIN_KEYS: entry 2: names of games joined by + ex",
      "ADMIN_KEYS: entry 3: a key has fewer than 16 chara",
      "ADMIN_KEYS: entry 4: a key is an example; `openssl",
      "ADMIN_KEYS: entry 6: another entry has the same ke",
    ]);
    expect(faults.join()).not.toContain(KEYS.own);
  });
});

describe("roles", () => {
  const operations = Object.entries(OPERATIONS).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { auth }]) => auth === "operator")
      .map(([method, operation]) => ({ path, method: method.toUpperCase(), role: operation.role ?? "own" })),
  );
  const inArena = operations.filter(({ path }) => path.includes("{game}"));

  test("each role is used, and only reading needs no more than the role read", () => {
    expect(new Set(inArena.map(({ role }) => role))).toStrictEqual(new Set(ROLES));
    expect(inArena.filter(({ role, method }) => role === "read" && method !== "GET")).toStrictEqual([]);
  });

  test.each(inArena)("$method $path needs the role $role", async ({ path, method, role }) => {
    const url = path.replace("{game}", "arena").replaceAll(/\{\w+\}/g, "x");
    for (const mine of ROLES) {
      const response = await ask(KEYS[mine], method, url, method === "GET" ? undefined : {});
      const isAllowed = ROLES.indexOf(mine) >= ROLES.indexOf(role);
      expect([mine, response.status !== 403]).toStrictEqual([mine, isAllowed]);
      if (!isAllowed) expect(await problemOf(response)).toMatchObject({ code: "forbidden" });
    }
  });

  test("a key of other games is refused, and one of all games is not", async () => {
    for (const key of [KEYS.moderate, KEYS.own]) {
      expect(await problemOf(await ask(key, "GET", admin("other", "bans")))).toMatchObject({ code: "forbidden" });
    }
    for (const key of [KEYS.read, "everything-key-of-the-tests"]) {
      expect((await ask(key, "GET", admin("other", "bans"))).status).toBe(200);
    }
  });

  test("metrics are those of the key's games", async () => {
    const text = await (await ask(KEYS.moderate, "GET", "/metrics")).text();
    expect(text).toContain('parley_members{game="arena"} 0\nparley_members{game="quest"} 0');
    const refused = await ask(KEYS.moderate, "GET", "/metrics?game=arena&game=other");
    expect(await problemOf(refused)).toMatchObject({ code: "forbidden" });
  });
});

describe("the audit trail", () => {
  const trail = async (game: string, query = ""): Promise<{ entries: AuditEntry[]; next_cursor: string | null }> =>
    fits(await ask(KEYS.read, "GET", admin(game, `audit${query}`)), 200, auditPage) as never;

  test("lists every action, done or refused, by the operator's key, the newest first", async () => {
    const game = newGame();
    const all = "everything-key-of-the-tests";
    const host = await Player.of(game);
    const { id } = await host.hosts();
    await ask(all, "POST", admin(game, "bans"), BAN);
    await ask(all, "PUT", admin(game, "drain"), { draining: true });
    await ask(KEYS.read, "DELETE", admin(game, `lobbies/${id}`));
    await ask(all, "DELETE", admin(game, `lobbies/${id}`));
    await ask(all, "GET", admin(game, "bans"));
    const { entries } = await trail(game);
    expect(entries.map(({ operation, role, status }) => [operation, role, status])).toStrictEqual([
      ["closeLobby", "own", 204],
      ["closeLobby", "read", 403],
      ["setDrain", "own", 200],
      ["createBan", "own", 201],
    ]);
    expect(JSON.parse(entries[3]!.body)).toStrictEqual(BAN);
    expect(entries[0]!.path).toBe(admin(game, `lobbies/${id}`));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(all)));
    const hex = Array.from(digest.slice(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
    expect(entries.map(({ operator }) => operator === hex)).toStrictEqual([true, false, true, true]);
  });

  test("is bounded, and pages continue at the cursor", async () => {
    const game = newGame();
    await ask("everything-key-of-the-tests", "PUT", admin(game, "drain"), { draining: false });
    const [first] = (await trail(game)).entries;
    for (let at = 0; at < AUDIT_ENTRIES_MAX + 5; at++) {
      await hubFor(game).addAuditEntry({ ...first!, id: `entry-${at}` });
    }
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page = await trail(game, `?limit=100${cursor === "" ? "" : `&cursor=${cursor}`}`);
      seen.push(...page.entries.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect([seen.length, seen[0], seen.at(-1)]).toStrictEqual([AUDIT_ENTRIES_MAX, "entry-1004", "entry-5"]);
  });
});
