/** The summary of a lobby: its schema, and what it contains of a lobby. Lists and events consist of summaries. */
import { flag, integer, list, map, nullable, object, oneOf, optional, type Shape, text } from "../schema/decode.ts";
import { DATA_KEY_PATTERN, DATA_KEYS_MAX, NAME_LENGTH_MAX, SEATS_MAX } from "../limits.ts";
import type { Data, DataVisibility } from "../lobby/data.ts";
import { count, dataValue, gameVersion, time } from "../lobby/fields.ts";
import { type Lobby, WIRES } from "../lobby/lobby.ts";
import { PATH_KINDS } from "../lobby/paths.ts";
import { hostOf } from "../lobby/transitions.ts";
import { mixesAlphabets } from "../text/names.ts";

/** How to join. Contains no peer's address, except the one that a host published. */
export const join = object({
  wire: oneOf(...WIRES),
  /** The lobby's name on its wire, where peers join by name. */
  session: optional(text(NAME_LENGTH_MAX)),
  /** The address of a published host in its wire's notation: noray://192.0.2.7:8890/OID. */
  uri: optional(text(256)),
  /** The join code; for members, and never in lists. */
  code: optional(text(16)),
});

/**
 * How a peer reaches the host, as far as the hub has seen it. `udp`: the host's datagrams arrive at a sidecar, so a direct
 * path can be tried. `relay`: the lobby allows only relays. `web`: the host uses only HTTP and its WebSocket: reachable by
 * signals, as for WebRTC, or through a tunnel.
 */
export const REACHABILITIES = ["udp", "relay", "web"] as const;
type Reachability = (typeof REACHABILITIES)[number];

/** How the game's traffic of a member can go. */
export const paths = list(oneOf(...PATH_KINDS), PATH_KINDS.length);

export const summary = object({
  id: text(64),
  name: text(NAME_LENGTH_MAX),
  /** Set if a word of the name mixes ASCII letters with lookalikes of other alphabets: it may imitate another name. */
  name_mixes_alphabets: optional(flag),
  wire: oneOf(...WIRES),
  state: oneOf("open", "in_game"),
  /** Members, including held seats. */
  member_count: count,
  /** Null where the wire has no limit. */
  seats: nullable(integer(1, SEATS_MAX)),
  /** A password is needed to join. */
  has_password: flag,
  joinable: flag,
  approval: flag,
  /** How peers reach the host; null while there is none. */
  reachability: nullable(oneOf(...REACHABILITIES)),
  /** How the host can be connected; absent: its client does not say. A peer without one of these cannot join. */
  paths: optional(paths),
  /** Version of the game, or null for any. */
  version: nullable(gameVersion),
  /** Public data; in lists only indexed entries. */
  data: map(DATA_KEY_PATTERN, dataValue, DATA_KEYS_MAX),
  join,
  created_at: time,
  updated_at: time,
  /** Increases with every change of the lobby; its ETag. */
  revision: count,
});
export type Summary = Shape<typeof summary>;

/** `indexed`: with indexed data only. */
export const toSummary = (lobby: Lobby, indexed = false): Summary => ({
  id: lobby.id,
  ...namesOf(lobby),
  wire: lobby.wire,
  state: lobby.in_game || lobby.state === "started" ? "in_game" : "open",
  member_count: lobby.members.length,
  seats: lobby.seats,
  has_password: lobby.password_digest !== null,
  joinable: lobby.joinable,
  approval: lobby.approval,
  reachability: reachabilityOf(lobby),
  ...pathsOf(lobby),
  version: lobby.version,
  data: valuesOf(lobby, PUBLIC, indexed),
  join: {
    wire: lobby.wire,
    ...(lobby.policy.admits_http !== true && { session: lobby.name }),
    ...(lobby.join_uri !== undefined && { uri: lobby.join_uri }),
  },
  ...timesOf(lobby),
  revision: lobby.revision,
});

function timesOf({ created_at, updated_at }: Lobby): Pick<Summary, "created_at" | "updated_at"> {
  const created = new Date(created_at).toISOString();
  return { created_at: created, updated_at: updated_at === created_at ? created : new Date(updated_at).toISOString() };
}

function namesOf({ display_name, name: wire_name }: Lobby): Pick<Summary, "name" | "name_mixes_alphabets"> {
  const name = display_name ?? wire_name;
  return { name, ...(mixesAlphabets(name) && { name_mixes_alphabets: true }) };
}

/** Null while the lobby has no host. */
function reachabilityOf(lobby: Lobby): Reachability | null {
  const member = hostOf(lobby);
  if (member === undefined) return null;
  if (member.source !== null) return "udp";
  if (lobby.addresses === "relay_only" || member.addresses === "relay_only") return "relay";
  return member.seen_over_udp === true ? "udp" : "web";
}

function pathsOf(lobby: Lobby): Pick<Summary, "paths"> {
  const known = hostOf(lobby)?.paths;
  return known === undefined ? {} : { paths: known };
}

const PUBLIC: readonly DataVisibility[] = ["public"];

/** The values of the entries with one of these visibilities; `indexed`: only of those that lists filter by. */
export function valuesOf({ data }: Lobby, readable: readonly DataVisibility[], indexed = false): Data {
  const values: Record<string, Data[string]> = {};
  for (const key in data) {
    const { value, visibility, index } = data[key]!;
    if (readable.includes(visibility) && (index || !indexed)) values[key] = value;
  }
  return values;
}
