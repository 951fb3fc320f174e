/** Introduces the two members of a connection: collects what the hub knows of them for the core's decision. */
import type { Connection } from "#shared/connect/connection.ts";
import { introduce, type Introduction, type ReachedParty } from "#shared/connect/introduction.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { randomKey } from "../../auth/random.ts";
import { hidesAddresses } from "./consent.ts";
import type { OutcomeStats } from "./outcome-stats.ts";

export function introduceMembers(
  { id, parties }: Connection,
  lobby: Lobby,
  isSubscribed: (peer: string) => boolean,
  stats: OutcomeStats,
  now: number,
): Introduction {
  const [a, b] = parties.map(({ peer, reach, reached_at }): ReachedParty => ({
    reach: reach!,
    reached_at,
    listens: isSubscribed(peer),
  }));
  const peers = parties.map(({ peer }) => peer);
  const options = { key: randomKey(), relay_only: hidesAddresses(lobby, peers), outcomes: stats.outcomes.known };
  const introduction = introduce([a!, b!], options, now);
  stats.begin(id, introduction, [a!, b!], now);
  return introduction;
}
