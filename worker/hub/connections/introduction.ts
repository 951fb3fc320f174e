/** Introduces the two members of a connection: collects what the hub knows of them for the core's decision. */
import type { Connection, Party } from "#shared/connect/connection.ts";
import { introduce, type Introduction, type ReachedParty } from "#shared/connect/introduction.ts";
import { introduceBrowsers } from "#shared/connect/webrtc.ts";
import { sourceOf } from "#shared/net/endpoint.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { randomKey } from "../../auth/random.ts";
import { forbidsRelay, hidesAddresses } from "./consent.ts";
import type { RelayPolicy } from "#shared/lobby/relay-policy.ts";
import type { OutcomeStats } from "./outcome-stats.ts";

export function introduceMembers(
  connection: Connection,
  lobby: Lobby,
  isSubscribed: (peer: string) => boolean,
  stats: OutcomeStats,
  now: number,
): Introduction {
  const { id, parties } = connection;
  const [a, b] = parties.map(({ peer, reach, reached_at }): ReachedParty => ({
    reach: reach!,
    reached_at,
    listens: isSubscribed(peer),
  }));
  const peers = parties.map(({ peer }) => peer);
  const relay_only = hidesAddresses(lobby, peers);
  const key = randomKey();
  if (isBrowser(parties[0])) {
    const relay: RelayPolicy = relay_only ? "always" : forbidsRelay(lobby, connection) ? "never" : "auto";
    const introduction = introduceBrowsers([a!, b!], { key, relay }, now);
    // No receipt shows the address of a browser.
    stats.begin(id, { pair: introduction.pair, isTried: !relay_only }, peers, now);
    return introduction;
  }
  const introduction = introduce([a!, b!], { key, relay_only, outcomes: stats.outcomes.known }, now);
  const sources = [a!, b!].flatMap(({ reach }) => reach.samples.map(({ seen }) => sourceOf(seen.address)));
  stats.begin(id, { pair: introduction.pair, isTried: introduction.plans !== null }, sources, now);
  return introduction;
}

export const isBrowser = ({ reach }: Party): boolean => reach?.web === true;
