/** The summary of a lobby in lists, and the facts that lists filter and sort by. Every fact is visible in the summary. */
import { SEATS_MAX } from "../limits.ts";
import { REACHABILITIES, type Summary, toSummary } from "./summary.ts";
import { type Lobby, WIRES } from "../lobby/lobby.ts";

/**
 * Lists show a lobby while its host is present: its socket is open, or it sent a heartbeat, another request or a session
 * ticket in the last while. By id the lobby can be read until it ends.
 */
export const isListed = (lobby: Lobby): boolean =>
  lobby.policy.listed &&
  lobby.visibility === "public" &&
  lobby.members.some((member) => member.peer === lobby.host && member.away_since === null);

/** The summary of a lobby, or null where lists do not show it. It contains only indexed data. */
export function summaryOf(lobby: Lobby | null): Summary | null {
  if (lobby === null || !isListed(lobby)) return null;
  return toSummary(lobby, true);
}

// --- facts -----------------------------------------------------------------------------------------------------

/** A value that lists filter and sort by. Times are RFC 3339 UTC, so their texts sort by time. */
export type Fact = string | number | boolean | null;

type Field = {
  readonly type: "text" | "number" | "flag" | "time" | readonly string[];
  readonly of: (line: Summary) => Fact;
};

export const FIELDS: Readonly<Record<string, Field>> = {
  name: { type: "text", of: (line) => line.name },
  wire: { type: WIRES, of: (line) => line.wire },
  state: { type: ["open", "in_game"], of: (line) => line.state },
  version: { type: "text", of: (line) => line.version },
  member_count: { type: "number", of: (line) => line.member_count },
  seats: { type: "number", of: (line) => line.seats },
  /** Free seats. A lobby without a seat limit has room up to SEATS_MAX. */
  slots: { type: "number", of: (line) => (line.seats ?? SEATS_MAX) - line.member_count },
  has_password: { type: "flag", of: (line) => line.has_password },
  joinable: { type: "flag", of: (line) => line.joinable },
  approval: { type: "flag", of: (line) => line.approval },
  reachability: { type: REACHABILITIES, of: (line) => line.reachability },
  /** Whether the host has this kind of path; missing where its client does not say. */
  udp: { type: "flag", of: (line) => line.paths?.includes("udp") ?? null },
  webrtc: { type: "flag", of: (line) => line.paths?.includes("webrtc") ?? null },
  created_at: { type: "time", of: (line) => line.created_at },
  updated_at: { type: "time", of: (line) => line.updated_at },
};

/** The fields of a summary, which the parameter `fields` selects from. */
export const SUMMARY_FIELDS = [
  "id",
  "name",
  "name_mixes_alphabets",
  "wire",
  "state",
  "version",
  "member_count",
  "seats",
  "has_password",
  "joinable",
  "approval",
  "reachability",
  "paths",
  "data",
  "join",
  "created_at",
  "updated_at",
  "revision",
] as const satisfies readonly (keyof Summary)[];

/** The fact of a field by its name in `FIELDS`, or of a data key by `data[key]`. */
export function factOf(field: string): (line: Summary) => Fact {
  if (Object.hasOwn(FIELDS, field)) return FIELDS[field]!.of;
  const key = field.slice("data[".length, -1);
  return ({ data }) => (Object.hasOwn(data, key) ? data[key]! : null);
}
