/** What those who watch a hub need of it, made of the hub's own parts. */
import type { Event, Lobby } from "#shared/lobby.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import type { Directory } from "./directory.ts";
import { type Env, hubOf, shardsOf } from "./env.ts";
import type { Answered, Outcome, Pass } from "./pass.ts";
import { peerOfToken } from "./tokens.ts";
import type { Home } from "./watch.ts";

export type Parts = {
  readonly directory: Directory;
  /** Steps a lobby, keeps what becomes of it, and gives what was refused. */
  readonly step: (lobby: Lobby, event: Event, now: number) => RefusalCode | null;
  /** Lets a question through the gate. */
  readonly answer: <T>(pass: Pass, work: (now: number) => Outcome<T>) => Answered<T>;
  readonly arm: (lobbies: readonly Lobby[], now: number) => void;
};

export function homeOf(ctx: DurableObjectState, env: Env, { directory, step, answer, arm }: Parts): Home {
  const [game = "", digits = "0"] = (ctx.id.name ?? "").split("/");
  const shard = Number(digits);
  const seatsOf = (peer: string): Lobby[] =>
    directory.all().filter((lobby) => lobby.members.some((m) => m.source === null && m.peer === peer));
  return {
    shard,
    shards: shardsOf(env),
    lobby: (id) => directory.byId(id),
    page: (query) => directory.page(query),
    prove: (token) => peerOfToken(env, game, token, Date.now()),
    accept: (socket) => ctx.acceptWebSocket(socket, ["events"]),
    arm: () => arm([], Date.now()),
    pingedAt: (socket) => ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null,
    goesOn: (work) => ctx.waitUntil(work),
    feed: (other) => hubOf(env, game, other).feed(),
    tellFirst: (changes, lost) => hubOf(env, game, 0).fed(shard, changes, directory.lines().length, lost),
    say: (id, event, payer) =>
      answer({ ...payer, toll: event.kind, once: null }, (now) => {
        const lobby = directory.byId(id);
        const refused = lobby === undefined ? "lobby_not_found" : step(lobby, event, now);
        return refused === null ? { value: null } : { refused };
      }),
    heard: (peer) => {
      for (const lobby of seatsOf(peer)) step(lobby, { kind: "heard", peer, source: null }, Date.now());
    },
    closed: (peer) => arm(seatsOf(peer), Date.now()),
  };
}
