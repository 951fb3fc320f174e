/** From what a request says to what the core is told: the events that make a lobby, enter one and change one. */
import type { Joining, LobbyPatch, NewLobby } from "#shared/api/lobbies.ts";
import { patchLobbyData, patchMemberData } from "#shared/lobby/data.ts";
import { NATIVE } from "#shared/lobby/join.ts";
import type { Changes, Event } from "#shared/lobby/lobby.ts";
import { canonicalCode, lobbyId } from "#shared/lobby/ids.ts";
import { passwordDigest } from "./password.ts";
import { randomText } from "../auth/random.ts";

type Hosting = Event & { kind: "host" };
type Entering = Event & { kind: "join" };
type Said<E> = E | "data_limit";

/** The event that makes a lobby on this shard. Its name is its own id, or what it is to be found by. */
export async function hosting(peer: string, said: NewLobby, shard: number, name?: string): Promise<Said<Hosting>> {
  const id = lobbyId(shard, randomText());
  const data = patchLobbyData({}, said.data ?? {});
  const member = memberOf(said);
  if (data === null || member === null) return "data_limit";
  const lock = said.password === undefined ? null : await passwordDigest(said.password, id);
  return {
    kind: "host",
    id,
    wire: "native",
    name: name ?? id,
    policy: NATIVE,
    seats: said.seats,
    lock,
    peer,
    ...member,
    memory: null,
    source: null,
    settings: { ...settingsOf(said), data },
    ...(said.client_ref !== undefined && { client_ref: said.client_ref }),
  };
}

/** The event of who enters. `lobby` is the id whose password is meant, where one is given. */
export async function entering(peer: string, said: Joining, lobby: string): Promise<Said<Entering>> {
  const member = memberOf(said);
  if (member === null) return "data_limit";
  const code = said.code === undefined ? null : canonicalCode(said.code);
  return {
    kind: "join",
    peer,
    ...member,
    lock: said.password === undefined ? null : await passwordDigest(said.password, lobby),
    ...(code !== null && { code }),
    ...(said.version !== undefined && { version: said.version }),
    memory: null,
    reclaims: false,
    source: null,
  };
}

export async function changesOf(said: LobbyPatch, lobby: string): Promise<Changes> {
  const { password, data, seats } = said;
  return {
    ...settingsOf(said),
    ...(seats !== undefined && { seats }),
    ...(data !== undefined && { data }),
    ...(password === null && { lock: null }),
    ...(typeof password === "string" && { lock: await passwordDigest(password, lobby) }),
  };
}

function memberOf({ member_name, member_data }: Pick<Joining, "member_name" | "member_data">) {
  const data = patchMemberData({}, member_data ?? {});
  if (data === null) return null;
  return { ...(member_name !== undefined && { title: member_name }), ...(member_data !== undefined && { data }) };
}

/** What the API calls by another name than the core, and what it calls by the same. */
export function settingsOf(
  said: Omit<LobbyPatch, "data" | "password" | "seats">,
): Omit<Changes, "data" | "seats" | "lock"> {
  const { name, visibility, version, joinable, approval, host_policy, consent, addresses, state } = said;
  return {
    ...(name !== undefined && { title: name }),
    ...(visibility !== undefined && { visibility }),
    ...(version !== undefined && { version }),
    ...(joinable !== undefined && { joinable }),
    ...(approval !== undefined && { approval }),
    ...(host_policy !== undefined && { succession: host_policy }),
    ...(consent !== undefined && { consent }),
    ...(addresses !== undefined && { addresses }),
    ...(state !== undefined && { in_game: state === "in_game" }),
  };
}
