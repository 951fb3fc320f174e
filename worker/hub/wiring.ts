/** What those who watch a hub need of it, made of the hub's own parts. */
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import type { Proved } from "#shared/connect/introduction.ts";
import { type Env, hubOf, shardsOf } from "../env.ts";
import { type Keeper, send } from "./state.ts";
import type { Answered, Pass } from "../http/hub-client.ts";
import { provedReach } from "../auth/verified-reach.ts";
import { Relays } from "./connections/relay-allocator.ts";
import { peerOfToken, sign } from "../auth/tokens.ts";
import type { Home } from "./events/socket-server.ts";

/** Relays of the sidecars that are linked to a hub. */
export const relaysOf = (ctx: DurableObjectState, env: Env, { sidecars }: Keeper): Relays =>
  new Relays({
    relaying: () => sidecars.relaying(),
    send: (sidecar, message) => {
      const socket = sidecars.socket(sidecar);
      if (socket !== undefined) send(socket, message);
    },
    sign: (ticket) => sign(env, { ...ticket, game: nameOf(ctx).game }),
    goesOn: (work) => ctx.waitUntil(work),
  });

export type Doings = {
  /** What a peer does, through the gate. */
  readonly act: (pass: Pass, lobby: string, event: Event) => Answered<unknown>;
  /** What happens to him without his asking. */
  readonly agree: (pass: Pass, connection: string, reach: Proved | null) => Answered<unknown>;
  readonly decline: (pass: Pass, connection: string) => Answered<unknown>;
  readonly step: (lobby: Lobby, peer: string, event: Event) => void;
};

export function homeOf(ctx: DurableObjectState, env: Env, keeper: Keeper, { act, agree, decline, step }: Doings): Home {
  const { directory, presence } = keeper;
  const { game, shard } = nameOf(ctx);
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
    agree: async (id, payer, said) => {
      const { peer } = payer;
      const reach = said === undefined ? null : await provedReach(env, { game, peer: peer! }, said, Date.now());
      if (reach !== null && "refused" in reach) return { ...reach, receipt: null, replayed: false };
      return agree({ ...payer, toll: "connect", once: null }, id, reach);
    },
    decline: (id, payer) => decline({ ...payer, toll: "connect", once: null }, id),
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

/** A hub is called by its game and shard. */
export function nameOf(ctx: DurableObjectState): { readonly game: string; readonly shard: number } {
  const [game = "", digits = "0"] = (ctx.id.name ?? "").split("/");
  return { game, shard: Number(digits) };
}
