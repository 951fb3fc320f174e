/** Translates requests into the core's events: those that create, join and change a lobby. */
import type { JoinRequest, LobbyPatch, NewLobby } from "#shared/api/lobbies.ts";
import { fromRelayPolicy } from "#shared/lobby/relay-policy.ts";
import { type LobbyDataPatch, patchLobbyData, patchMemberData } from "#shared/lobby/data.ts";
import { NATIVE_POLICY } from "#shared/lobby/join.ts";
import type { LobbyChanges, Event } from "#shared/lobby/lobby.ts";
import { canonicalCode, lobbyId } from "#shared/lobby/ids.ts";
import { randomId } from "../auth/random.ts";

type HostEvent = Event & { kind: "host" };
type JoinEvent = Event & { kind: "join" };
type OrDataLimit<E> = E | "data_limit";
/** An event that can bear a password. */
export type PasswordEvent = HostEvent | JoinEvent | (Event & { kind: "patch" });

/** Stands for the digest of a password until the hub has admitted the request. No lobby has it. */
const UNDERIVED = "";

export function withDigest(event: PasswordEvent, password_digest: string): PasswordEvent {
  return event.kind === "patch"
    ? { ...event, changes: { ...event.changes, password_digest } }
    : { ...event, password_digest };
}

/** The event that creates a lobby on this shard. Its name is its id, or `name` if it has a key. */
export function hostEvent(peer: string, request: NewLobby, shard: number, name?: string): OrDataLimit<HostEvent> {
  const id = lobbyId(shard, randomId());
  const data = patchLobbyData({}, dataPatchOf(request) ?? {});
  const member = memberFrom(request);
  if (data === null || member === null) return "data_limit";
  return {
    kind: "host",
    id,
    wire: "native",
    name: name ?? id,
    policy: NATIVE_POLICY,
    seats: request.seats,
    password_digest: request.password === undefined ? null : UNDERIVED,
    peer,
    ...member,
    memory: null,
    source: null,
    settings: { ...settingsFrom(request), data },
    ...(request.client_ref !== undefined && { client_ref: request.client_ref }),
  };
}

/** The event by which a peer joins. */
export function joinEvent(peer: string, request: JoinRequest): OrDataLimit<JoinEvent> {
  const member = memberFrom(request);
  if (member === null) return "data_limit";
  const code = request.code === undefined ? null : canonicalCode(request.code);
  return {
    kind: "join",
    peer,
    ...member,
    password_digest: request.password === undefined ? null : UNDERIVED,
    ...(code !== null && { code }),
    ...(request.version !== undefined && { version: request.version }),
    memory: null,
    reclaims: false,
    source: null,
  };
}

export function patchFrom(request: LobbyPatch): LobbyChanges {
  const { password, seats } = request;
  const data = dataPatchOf(request);
  return {
    ...settingsFrom(request),
    ...(seats !== undefined && { seats }),
    ...(data !== undefined && { data }),
    ...(password === null && { password_digest: null }),
    ...(typeof password === "string" && { password_digest: UNDERIVED }),
  };
}

/** `data` and `data_rules` as one patch of entries. A rule of null resets the key to public and not indexed. */
export function dataPatchOf({ data, data_rules }: Pick<LobbyPatch, "data" | "data_rules">): LobbyDataPatch | undefined {
  if (data === undefined && data_rules === undefined) return undefined;
  const keys = new Set([...Object.keys(data ?? {}), ...Object.keys(data_rules ?? {})]);
  return Object.fromEntries(
    [...keys].map((key) => {
      const value = data?.[key];
      const rule = data_rules?.[key] === null ? DEFAULT_RULE : data_rules?.[key];
      return [key, value === null ? null : { ...(value !== undefined && { value }), ...rule }];
    }),
  );
}

const DEFAULT_RULE = { visibility: "public", index: false } as const;

function memberFrom({
  member_name,
  member_data,
  paths = [],
}: Pick<JoinRequest, "member_name" | "member_data" | "paths">) {
  const data = patchMemberData({}, member_data ?? {});
  if (data === null) return null;
  return {
    ...(member_name !== undefined && { display_name: member_name }),
    ...(member_data !== undefined && { data }),
    ...(paths.length > 0 && { paths }),
  };
}

/** Settings by their names in the core, where `title` is the API's `name` and `in_game` its `state`. */
export function settingsFrom(
  request: Omit<LobbyPatch, "data" | "data_rules" | "password" | "seats">,
): Omit<LobbyChanges, "data" | "seats" | "password_digest"> {
  const { name, visibility, version, joinable, approval, host_policy, consent, relay, state } = request;
  const { host_grace_s, member_grace_s, successors } = request;
  return {
    ...(name !== undefined && { display_name: name }),
    ...(visibility !== undefined && { visibility }),
    ...(version !== undefined && { version }),
    ...(joinable !== undefined && { joinable }),
    ...(approval !== undefined && { approval }),
    ...(host_policy !== undefined && { host_policy }),
    ...(host_grace_s !== undefined && { host_grace_s }),
    ...(member_grace_s !== undefined && { member_grace_s }),
    ...(successors !== undefined && { successors }),
    ...(consent !== undefined && { consent }),
    ...(relay !== undefined && { addresses: fromRelayPolicy(relay) }),
    ...(state !== undefined && { in_game: state === "in_game" }),
  };
}
