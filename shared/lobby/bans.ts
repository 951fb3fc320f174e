/**
 * The bans of one lobby, set by its host. A ban holds against the peer id, on other wires against the name and the
 * endpoint. For an hour it also holds against the network (IPv4 address, IPv6 /64): a new peer from there may only apply,
 * because households and schools share addresses. A password that was set after the ban admits it too.
 */
import { BAN_NETWORK_MS, BANNED_PER_LOBBY_MAX } from "../limits.ts";
import { type Endpoint, sameEndpoint } from "../net/endpoint.ts";
import type { Applicant, Event, Lobby, LobbyBan, Member } from "./lobby.ts";

/** The lobby with a ban of this peer. `target`: its member or applicant, where it is one. */
export function withBan(
  lobby: Lobby,
  peer: string,
  target: Member | Applicant | undefined,
  now: number,
  detail?: string,
): Lobby {
  const endpoint = target !== undefined && "source" in target ? (target.source?.endpoint ?? null) : null;
  const ban: LobbyBan = {
    peer,
    endpoint,
    banned_at: now,
    ...(target?.display_name !== undefined && { name: target.display_name }),
    ...(target?.network !== undefined && { network: target.network, old_password: lobby.password_digest }),
    ...(detail !== undefined && { detail }),
  };
  const others = lobby.banned.filter((older) => older.peer !== peer || older.endpoint !== null);
  return { ...lobby, banned: [...others, ban].slice(-BANNED_PER_LOBBY_MAX) };
}

export const isBanned = (lobby: Lobby, peer: string, at: Endpoint | undefined): boolean =>
  lobby.banned.some(
    (ban) => ban.peer === peer || (ban.endpoint !== null && at !== undefined && sameEndpoint(ban.endpoint, at)),
  );

/** Whether a joiner shares the network of a banned peer. Its password was checked before. */
export const isNearBan = (lobby: Lobby, { network }: Event & { kind: "join" }, now: number): boolean =>
  network !== undefined &&
  lobby.banned.some((ban) => {
    const is_new_password = lobby.password_digest !== null && lobby.password_digest !== ban.old_password;
    return ban.network === network && !isOld(ban, now) && !is_new_password;
  });

/** The bans without networks that are too old to be held against new peers. */
export function withoutOldNetworks(bans: readonly LobbyBan[], now: number): readonly LobbyBan[] {
  if (!bans.some((ban) => ban.network !== undefined && isOld(ban, now))) return bans;
  return bans.map((ban) => {
    if (!isOld(ban, now)) return ban;
    const { network: _, old_password: __, ...rest } = ban;
    return rest;
  });
}

const isOld = ({ banned_at = 0 }: LobbyBan, now: number): boolean => banned_at + BAN_NETWORK_MS <= now;
