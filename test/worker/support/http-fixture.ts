/**
 * A game on two shards with a lobby of every kind, for the tests of the HTTP API. Its secrets are recognisable, and
 * every response is recorded, so that all can be searched.
 */
import { env } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { Summary } from "#shared/listing/summary.ts";
import { isRefusalCode, REFUSALS } from "#shared/refusals.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import type { Report } from "#shared/link/messages.ts";
import { app } from "../../../worker/http/app.ts";
import { homeOf, hosts, joins, ORIGIN, POLICY, Sidecar, starts } from "./sidecar.ts";

export const GAME = "plaza";
export const LIST = `/v1/games/${GAME}/lobbies`;
export const EVERYTHING = `${LIST}?include=full,in_game&limit=100`;
export const LIST_CACHE = "public, max-age=2, stale-while-revalidate=8";
export const PLAZAS = Array.from({ length: 9 }, (_, at) => `Plaza ${at}`);

/** All headers and bodies that `ask` received. */
const said: string[] = [];

/** Nine ordinary lobbies, one second apart, and four special ones with the same time. */
export async function plant(): Promise<void> {
  const name = "north-sidecar";
  const links = [
    await Sidecar.link(GAME, { name, shard: 0, worker: withTwoShards, kept: true }),
    await Sidecar.link(GAME, { name, shard: 1, worker: withTwoShards, kept: true }),
  ];
  const report = (...items: [Report, ...Report[]]) => links[shardOf("rabid", items[0].name, 2)]!.report(...items);
  const bob = joins("Playing", "Bob", { memory: "note-about-bob" });

  vi.useFakeTimers({ toFake: ["Date"] });
  for (const plaza of PLAZAS) {
    await report(hosts(plaza, "Alice", { memory: "note-about-alice" }));
    vi.setSystemTime(Date.now() + 1_000);
  }
  await report(hosts("Locked", "Alice", { lock: "digest-of-a-password", seats: 2 }));
  await report(hosts("Full", "Alice", { seats: 1 }));
  await report(hosts("Playing", "Alice"), bob, starts("Playing", "Alice"));
  await report(hosts("Unlisted", "Alice", { policy: { ...POLICY, listed: false } }));
  vi.useRealTimers();
}

/** What the responses of the whole file reveal of secrets; must be empty. */
export function betrayed(): string[] {
  // Without requests the check would prove nothing.
  expect(said.some((text) => text.includes('"lobbies":[{'))).toBe(true);
  const words = [
    "digest-of-a-password",
    "note-about",
    "key-one-of-tests",
    "key-two-of-tests",
    "north-sidecar",
    "epoch-one",
    "198.51.100.9",
  ];
  const homes = ["Alice", "Bob"].map(homeOf).flatMap(({ address, port }) => [address, String(port)]);
  // Ports as whole numbers: their digits may occur in an ETag.
  const secrets = [...words, ...homes].map((word) => new RegExp(String.raw`\b${word.replaceAll(".", String.raw`\.`)}`));
  return said.filter((text) => secrets.some((secret) => secret.test(text)));
}

/** Several short texts on one line. */
export const words = (text: string): string[] => text.split(" ");

export async function withTwoShards(request: Request): Promise<Response> {
  return app.fetch(request, { ...env, HUB_SHARDS: "2" });
}

export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await withTwoShards(new Request(ORIGIN + path, init));
  said.push(JSON.stringify([...response.headers]), await response.clone().text());
  return response;
}

export async function listOf(path: string): Promise<{ lobbies: Summary[]; next_cursor: string | null }> {
  return (await ask(path)).json();
}

/** The problem document of an error response. */
export async function problemOf(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("cache-control")).toBe("no-store");
  const problem = await response.json<Record<string, unknown>>();
  const code = String(problem["code"]);
  expect([code, isRefusalCode(code)]).toStrictEqual([code, true]);
  const { status, message: says } = REFUSALS[code as keyof typeof REFUSALS];
  expect(problem).toMatchObject({ type: `urn:parley:problem:${code}`, title: says, status });
  expect(response.status).toBe(status);
  return problem;
}
