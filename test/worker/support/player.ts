/**
 * A player over HTTP: it shows its token with every request, and every response is checked against the schemas. Rate
 * limits are off here; rate-limit.test.ts tests them.
 */
import { env } from "cloudflare:workers";
import { expect, vi } from "vitest";
import { joined, lobby, type LobbyView, type NewLobby, pendingJoin } from "#shared/api/lobbies.ts";
import { decode, type Decoder, type Shape } from "#shared/schema/decode.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import { RateLimiter } from "#shared/rate-limit/rate-limiter.ts";
import { randomId } from "../../../worker/auth/random.ts";
import { peerToken } from "../../../worker/auth/tokens.ts";
import { problemOf, withTwoShards } from "./http-fixture.ts";
import { ORIGIN, type Worker, worker } from "./sidecar.ts";

export const LOBBY: NewLobby = { name: "Nice", seats: 4 };

/** For `beforeEach`. */
export const freeOfCharge = (): void => void vi.spyOn(RateLimiter.prototype, "consume").mockReturnValue(null);

/** All responses that any player of the file got, to be searched for secrets. */
export const said: string[] = [];

type Init = { readonly headers?: Record<string, string>; readonly body?: unknown };

export class Player {
  readonly game: string;
  readonly id: string;
  readonly token: string;
  readonly #worker: Worker;

  private constructor(game: string, id: string, token: string, by: Worker) {
    this.game = game;
    this.id = id;
    this.token = token;
    this.#worker = by;
  }

  static async of(game: string, by: Worker = worker): Promise<Player> {
    const id = randomId();
    const token = await peerToken(env, game, id, Date.now());
    return new Player(game, id, token!.text, by);
  }

  /** One player for each of two shards, which will hold its lobbies. */
  static async ofBothShards(game: string): Promise<[Player, Player]> {
    for (;;) {
      const pair = [await Player.of(game, withTwoShards), await Player.of(game, withTwoShards)] as [Player, Player];
      if (pair.every(({ id }, shard) => shardOf("native", id, 2) === shard)) return pair;
    }
  }

  /** The same peer and token in another game. */
  in(game: string): Player {
    return new Player(game, this.id, this.token, this.#worker);
  }

  /** The same peer through another Worker, or seen from another address. */
  from(by: Worker): Player {
    return new Player(this.game, this.id, this.token, by);
  }

  /** `path` is relative to the game. A body that is not a string is sent as JSON. */
  async ask(method: string, path: string, { headers = {}, body }: Init = {}): Promise<Response> {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const request = new Request(`${ORIGIN}/v1/games/${this.game}/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body !== undefined && { "content-type": type }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const response = await this.#worker(request);
    said.push(JSON.stringify([...response.headers]), new TextDecoder().decode(await response.clone().arrayBuffer()));
    return response;
  }

  /** The code of a refusal; a success fails the test. */
  async refused(method: string, path: string, init: Init = {}): Promise<string> {
    const response = await this.ask(method, path, init);
    expect([method, path, response.status >= 400]).toStrictEqual([method, path, true]);
    return String((await problemOf(response))["code"]);
  }

  async hosts(parts: Partial<NewLobby> = {}, init: Init = {}): Promise<LobbyView> {
    const response = await this.ask("POST", "lobbies", { ...init, body: { ...LOBBY, ...parts } });
    return (await fits(response, 201, joined)).lobby;
  }

  async joins(id: string, body: object = {}): Promise<Shape<typeof joined>> {
    return fits(await this.ask("POST", `lobbies/${id}/members`, { body }), 201, joined);
  }

  /** Joins and sends a heartbeat, so that the place is confirmed. */
  async enters(id: string, body: object = {}): Promise<void> {
    await this.joins(id, body);
    await this.beats(id);
  }

  async applies(id: string, body: object = {}): Promise<Shape<typeof pendingJoin>> {
    return fits(await this.ask("POST", `lobbies/${id}/members`, { body }), 202, pendingJoin);
  }

  async beats(id: string): Promise<void> {
    expect((await this.ask("POST", `lobbies/${id}/heartbeat`)).status).toBe(204);
  }

  async patches(id: string, body: object, headers: Record<string, string> = {}): Promise<LobbyView> {
    return fits(await this.ask("PATCH", `lobbies/${id}`, { body, headers }), 200, lobby);
  }

  async sees(id: string): Promise<LobbyView> {
    return fits(await this.ask("GET", `lobbies/${id}`), 200, lobby);
  }
}

/** The body of a response, which must have this status and exactly this schema. */
export async function fits<T>(response: Response, status: number, decoder: Decoder<T>): Promise<T> {
  const text = await response.text();
  expect([response.status, text]).toStrictEqual([status, text]);
  const decoded = decode(text, decoder, 1_000_000);
  if (!decoded.ok) throw new Error(`${decoded.why}: ${text}`);
  expect(decoded.value).toStrictEqual(JSON.parse(text));
  return decoded.value;
}

/** The members in order of arrival, by their role. */
export const rosterOf = ({ members }: LobbyView): string[] =>
  members.map(({ peer_id, state }) => `${peer_id} ${state}`);

/** Several players of one game. */
export const players = (game: string, count: number): Promise<Player[]> =>
  Promise.all(Array.from({ length: count }, () => Player.of(game)));
