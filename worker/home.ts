/** What those who watch a hub need of it, made of the hub's own parts. */
import type { Event, Lobby } from "#shared/lobby.ts";
import { type Env, hubOf, shardsOf } from "./env.ts";
import type { Keeper } from "./keeper.ts";
import type { Answered, Pass } from "./pass.ts";
import { peerOfToken } from "./tokens.ts";
import type { Home } from "./watch.ts";

export type Doings = {
  /** What a peer does, through the gate. */
  readonly act: (pass: Pass, lobby: string, event: Event) => Answered<unknown>;
  /** What happens to him without his asking. */
  readonly step: (lobby: Lobby, peer: string, event: Event) => void;
};

export function homeOf(ctx: DurableObjectState, env: Env, keeper: Keeper, { act, step }: Doings): Home {
  const { directory, presence } = keeper;
  const [game = "", digits = "0"] = (ctx.id.name ?? "").split("/");
  const shard = Number(digits);
  return {
    shard,
    shards: shardsOf(env),
    lobby: (id) => directory.byId(id),
    page: (query) => directory.page(query),
    prove: (token) => peerOfToken(env, game, token, Date.now()),
    accept: (socket) => ctx.acceptWebSocket(socket, ["events"]),
    arm: () => keeper.arm([], Date.now()),
    pingedAt: (socket) => ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null,
    goesOn: (work) => ctx.waitUntil(work),
    feed: (other) => hubOf(env, game, other).feed(),
    tellFirst: (changes, lost) => hubOf(env, game, 0).fed(shard, changes, directory.lines().length, lost),
    say: (id, event, payer) => act({ ...payer, toll: event.kind, once: null }, id, event),
    heard: (peer) => {
      for (const lobby of directory.seatsOf(peer)) step(lobby, peer, { kind: "heard", peer, source: null });
    },
    closed: (peer, at) => {
      const seats = directory.seatsOf(peer);
      for (const { id } of seats) presence.note(id, peer, at);
      keeper.arm(seats, Date.now());
    },
  };
}
