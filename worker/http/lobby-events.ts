/** From what a request says to what the core is told: the events that make a lobby, enter one and change one. */
import type { JoinRequest, LobbyPatch, NewLobby } from "#shared/api/lobbies.ts";
import { patchLobbyData, patchMemberData } from "#shared/lobby/data.ts";
import { NATIVE_POLICY } from "#shared/lobby/join.ts";
import type { LobbyChanges, Event } from "#shared/lobby/lobby.ts";
import { canonicalCode, lobbyId } from "#shared/lobby/ids.ts";
import { passwordDigest } from "./password.ts";
import { randomId } from "../auth/random.ts";

type HostEvent = Event & { kind: "host" };
type JoinEvent = Event & { kind: "join" };
type OrDataLimit<E> = E | "data_limit";

/** The event that makes a lobby on this shard. Its name is its own id, or what it is to be found by. */
export async function hostEvent(
  peer: string,
  said: NewLobby,
  shard: number,
  name?: string,
): Promise<OrDataLimit<HostEvent>> {
  const id = lobbyId(shard, randomId());
  const data = patchLobbyData({}, said.data ?? {});
  const member = memberFrom(said);
  if (data === null || member === null) return "data_limit";
  const password_digest = said.password === undefined ? null : await passwordDigest(said.password, id);
  return {
    kind: "host",
    id,
    wire: "native",
    name: name ?? id,
    policy: NATIVE_POLICY,
    seats: said.seats,
    password_digest,
    peer,
    ...member,
    memory: null,
    source: null,
    settings: { ...settingsFrom(said), data },
    ...(said.client_ref !== undefined && { client_ref: said.client_ref }),
  };
}

/** The event of who enters. `lobby` is the id whose password is meant, where one is given. */
export async function joinEvent(peer: string, said: JoinRequest, lobby: string): Promise<OrDataLimit<JoinEvent>> {
  const member = memberFrom(said);
  if (member === null) return "data_limit";
  const code = said.code === undefined ? null : canonicalCode(said.code);
  return {
    kind: "join",
    peer,
    ...member,
    password_digest: said.password === undefined ? null : await passwordDigest(said.password, lobby),
    ...(code !== null && { code }),
    ...(said.version !== undefined && { version: said.version }),
    memory: null,
    reclaims: false,
    source: null,
  };
}

export async function patchFrom(said: LobbyPatch, lobby: string): Promise<LobbyChanges> {
  const { password, data, seats } = said;
  return {
    ...settingsFrom(said),
    ...(seats !== undefined && { seats }),
    ...(data !== undefined && { data }),
    ...(password === null && { password_digest: null }),
    ...(typeof password === "string" && { password_digest: await passwordDigest(password, lobby) }),
  };
}

function memberFrom({ member_name, member_data }: Pick<JoinRequest, "member_name" | "member_data">) {
  const data = patchMemberData({}, member_data ?? {});
  if (data === null) return null;
  return {
    ...(member_name !== undefined && { display_name: member_name }),
    ...(member_data !== undefined && { data }),
  };
}

/** What the API calls by another name than the core, and what it calls by the same. */
export function settingsFrom(
  said: Omit<LobbyPatch, "data" | "password" | "seats">,
): Omit<LobbyChanges, "data" | "seats" | "password_digest"> {
  const { name, visibility, version, joinable, approval, host_policy, consent, addresses, state } = said;
  return {
    ...(name !== undefined && { display_name: name }),
    ...(visibility !== undefined && { visibility }),
    ...(version !== undefined && { version }),
    ...(joinable !== undefined && { joinable }),
    ...(approval !== undefined && { approval }),
    ...(host_policy !== undefined && { host_policy }),
    ...(consent !== undefined && { consent }),
    ...(addresses !== undefined && { addresses }),
    ...(state !== undefined && { in_game: state === "in_game" }),
  };
}
