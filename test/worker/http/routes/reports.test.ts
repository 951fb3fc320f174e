import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { acceptedReport } from "#shared/api/moderation/reports.ts";
import { REPORT_TRIES_MAX, REPORTS_QUEUED_MAX } from "#shared/limits.ts";
import { isDenied, parseDeniedNames } from "#shared/settings/denied-names.ts";
import { parseWebhook } from "#shared/settings/webhook.ts";
import { app } from "../../../../worker/http/app.ts";
import { Store } from "../../../../worker/hub/store.ts";
import { hubFor, inside, timePasses } from "../../support/hub-inspector.ts";
import { fits, freeOfCharge, players, type Player } from "../../support/player.ts";
import { heard, hosts, joins, newGame, Sidecar } from "../../support/sidecar.ts";

type Sent = { readonly url: string; readonly headers: Headers; readonly body: string };

/** What the webhook received, and what it answers. */
const received: Sent[] = [];
let answer: () => Promise<Response> = async () => new Response(null, { status: 204 });

beforeEach(() => {
  freeOfCharge();
  received.length = 0;
  answer = async () => new Response(null, { status: 204 });
  vi.spyOn(console, "error").mockImplementation(() => {});
  vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
    received.push({ url: url as string, headers: new Headers(init!.headers), body: init!.body as string });
    return answer();
  });
});

/** A host and a member of one lobby. */
async function lobbyOfTwo(): Promise<{ host: Player; member: Player; id: string; game: string }> {
  const game = newGame();
  const [host, member] = (await players(game, 2)) as [Player, Player];
  const { id } = await host.hosts({ name: "Den", member_name: "Ann" });
  await member.enters(id);
  return { host, member, id, game };
}

const sent = async (count: number): Promise<void> => vi.waitFor(() => expect(received).toHaveLength(count));
const queued = (game: string): Promise<number> => inside(game, ({ storage }) => new Store(storage).reports().length);
const cheats = (peer_id: string): { body: object } => ({ body: { peer_id, category: "cheating", message: "flies" } });

describe("a report", () => {
  test("reaches the webhook with what operators need, signed", async () => {
    const { host, member, id, game } = await lobbyOfTwo();
    const response = await member.ask("POST", `lobbies/${id}/reports`, cheats(host.id));
    const { report_id } = await fits(response, 200, acceptedReport);
    await sent(1);
    const [{ url, headers, body }] = received as [Sent];
    expect([url, headers.get("content-type")]).toStrictEqual([env.REPORTS_WEBHOOK, "application/json"]);
    expect(JSON.parse(body)).toStrictEqual({
      type: "player.reported",
      report_id,
      at: expect.any(String),
      game,
      lobby_id: id,
      lobby_name: "Den",
      reporter_id: member.id,
      peer_id: host.id,
      peer_name: "Ann",
      category: "cheating",
      message: "flies",
    });
    const text = new TextEncoder();
    const key = await crypto.subtle.importKey(
      "raw",
      text.encode(env.REPORTS_KEY),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["verify"],
    );
    const [version, signature] = headers.get("webhook-signature")!.split(",") as [string, string];
    const signed = text.encode(`${headers.get("webhook-id")}.${headers.get("webhook-timestamp")}.${body}`);
    const bytes = Uint8Array.from(atob(signature), (letter) => letter.charCodeAt(0));
    expect([version, headers.get("webhook-id")]).toStrictEqual(["v1", report_id]);
    expect(await crypto.subtle.verify("HMAC", key, bytes, signed)).toBe(true);
    await vi.waitFor(async () => expect(await queued(game)).toBe(0));
  });

  test("is sent again after a failure and a sleep of the hub, with the same id, and given up after its last attempt", async () => {
    const { host, member, id, game } = await lobbyOfTwo();
    answer = () => Promise.reject(new Error("no route"));
    vi.useFakeTimers({ toFake: ["Date"] });
    await member.ask("POST", `lobbies/${id}/reports`, cheats(host.id));
    await sent(1);
    await vi.waitFor(async () =>
      expect(await inside(game, ({ storage }) => new Store(storage).reports()[0]!.tries)).toBe(1),
    );
    await evictDurableObject(hubFor(game));
    answer = async () => new Response(null, { status: 503 });
    for (let hours = 0; hours < 24 && (await queued(game)) > 0; hours++) await timePasses(game, 3_600_000);
    expect([await queued(game), received.length]).toStrictEqual([0, REPORT_TRIES_MAX]);
    expect(new Set(received.map(({ headers }) => headers.get("webhook-id"))).size).toBe(1);
    expect(new Set(received.map(({ headers }) => headers.get("webhook-timestamp"))).size).toBe(REPORT_TRIES_MAX);
  });

  test("that the webhook refuses is not sent again", async () => {
    const { host, member, id, game } = await lobbyOfTwo();
    answer = async () => new Response(null, { status: 401 });
    await member.ask("POST", `lobbies/${id}/reports`, cheats(host.id));
    await sent(1);
    await vi.waitFor(async () => expect(await queued(game)).toBe(0));
  });

  test("is refused if too many wait, and for peers that are no members", async () => {
    const { host, member, id, game } = await lobbyOfTwo();
    const [stranger] = (await players(game, 1)) as [Player];
    const path = `lobbies/${id}/reports`;
    expect(await stranger.refused("POST", path, cheats(host.id))).toBe("not_member");
    expect(await host.refused("POST", path, cheats(stranger.id))).toBe("member_not_found");
    expect(await host.refused("POST", path, { body: { peer_id: member.id, category: "ugly" } })).toBe(
      "invalid_request",
    );
    answer = async () => new Response(null, { status: 503 });
    await host.ask("POST", path, cheats(member.id));
    await sent(1);
    await vi.waitFor(async () =>
      expect(await inside(game, ({ storage }) => new Store(storage).reports()[0]!.tries)).toBe(1),
    );
    await inside(game, ({ storage }) => {
      const store = new Store(storage);
      const [first] = store.reports();
      for (let at = 1; at < REPORTS_QUEUED_MAX; at++) {
        store.saveReport(`r${at}`, { ...first!, report: { ...first!.report, report_id: `r${at}` }, due_at: 2 ** 52 });
      }
    });
    await evictDurableObject(hubFor(game));
    expect(await host.refused("POST", path, cheats(member.id))).toBe("quota_exceeded");
  });
});

describe("NAMES_DENIED", () => {
  const settings = { ...env, NAMES_DENIED: "Grob, mist kerl" };
  const words = parseDeniedNames(settings.NAMES_DENIED);

  test.each(["grob", "Sehr GROB!", "g\u00adr\u200bob", "\uff27rob", "Mist\u00a0 Kerl"])("%s is denied", (name) => {
    expect([isDenied(name, words), isDenied(name, [])]).toStrictEqual([true, false]);
  });

  test("a denied name is refused wherever a request has one, and others are not", async () => {
    const game = newGame();
    const [peer] = (await players(game, 1)) as [Player];
    const strict = peer.from(async (request) => app.fetch(request, settings));
    const { id } = await strict.hosts({ name: "Fein" });
    const bad = "Grobian";
    for (const [method, path, body] of [
      ["POST", "lobbies", { name: bad, seats: 2 }],
      ["POST", "lobbies", { name: "Fein", seats: 2, member_name: bad }],
      ["PUT", "lobbies/by-key/den", { name: bad, seats: 2 }],
      ["PATCH", `lobbies/${id}`, { name: bad }],
      ["PATCH", `lobbies/${id}/members/${peer.id}`, { name: bad }],
      ["POST", `lobbies/${id}/members`, { member_name: bad }],
      ["POST", "quick-join", { member_name: bad }],
      ["POST", "quick-join", { create_if_none: { name: bad, seats: 2 } }],
    ] as const) {
      expect([path, await strict.refused(method, path, { body })]).toStrictEqual([path, "name_denied"]);
    }
  });

  test("a denied name is refused over every sidecar", async () => {
    const north = await Sidecar.link(newGame());
    const items = await north.report(hosts("Boese", "Alice"), hosts("Nice", "boese"), joins("Nice", "Bob"));
    expect(heard(items).map(([ref, code]) => [ref, code])).toStrictEqual([
      [1, "name_denied"],
      [2, "name_denied"],
      [3, "lobby_not_found"],
    ]);
  });
});

test("faults of REPORTS_WEBHOOK and REPORTS_KEY are reported by name", () => {
  const faultsOf = (url: string, key: string): string[] =>
    parseWebhook(url, key).faults.map((fault) => fault.split(":", 1)[0]!);
  expect(faultsOf("", "")).toStrictEqual([]);
  expect(faultsOf("https://ops.example/x", "k".repeat(16))).toStrictEqual([]);
  expect(faultsOf("http://127.0.0.1:9/x", "k".repeat(16))).toStrictEqual([]);
  expect(faultsOf("http://ops.example", "short")).toStrictEqual(["REPORTS_WEBHOOK", "REPORTS_KEY"]);
  expect(faultsOf("https://ops.example", "")).toStrictEqual(["REPORTS_KEY"]);
});
