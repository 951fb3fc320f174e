/**
 * The state machine of a connection between two members of a lobby. Pure, like the lobby core; the hub
 * (worker/hub/connections/connections.ts) stores connections and notifies the two peers.
 *
 *     waiting      for the consent of the requested peer
 *     gathering    both agreed; a reach is missing or too old
 *     introduced   both received instructions; their outcomes are awaited
 *     over         failed, or both outcomes were reported; kept for a while so that it can be read
 */
import type { ConnectionState, ConnectionView, OutcomeReport, RelayView, TIMELINE } from "./schema.ts";
import { FAILURES, type FailureReason } from "./failures.ts";
import { type Introduction, type VerifiedReach, punchInstructions, usedReach, verdictOf } from "./introduction.ts";
import { webrtcInstructions } from "./webrtc.ts";
import * as limits from "../limits.ts";
import type { Consent } from "../lobby/lobby.ts";

export type End = 0 | 1;

export type Party = {
  readonly peer: string;
  readonly agreed: boolean;
  readonly reach: VerifiedReach | null;
  readonly reached_at: number;
  /** Addresses of the sidecars that observed this peer. */
  readonly spoken: readonly string[];
  readonly outcome: OutcomeReport | null;
};

type TimelineEntry = {
  readonly event: (typeof TIMELINE)[number];
  readonly at: number;
  readonly by: string | null;
  readonly detail?: string;
};

export type Connection = {
  readonly id: string;
  readonly lobby: string;
  /** The requesting and the requested peer. */
  readonly parties: readonly [Party, Party];
  readonly consent: Consent;
  readonly state: ConnectionState;
  /** When it times out, or is deleted. */
  readonly due_at: number;
  /** The requesting peer needs a relay, whatever the verdict is. */
  readonly wants_relay: boolean;
  readonly introduction: Introduction | null;
  /** The relay's id at its sidecar. A new connection of the same pair takes over a relay that works. */
  readonly relay_id: string;
  /** Each peer's end of the relay. */
  readonly relay: readonly [RelayView, RelayView] | null;
  readonly failure: {
    readonly reason: FailureReason;
    readonly state: ConnectionState;
    readonly message: string;
  } | null;
  readonly timeline: readonly TimelineEntry[];
};

export type OverallOutcome = {
  readonly direct: boolean;
  readonly byIPv6: boolean;
  readonly first_path_ms: number | null;
  readonly direct_path_ms: number | null;
};

export type ConnectionRequest = Pick<Connection, "id" | "lobby" | "consent" | "wants_relay"> & {
  readonly asker: string;
  readonly asked: string;
  /** The relay that the pair already has. */
  readonly relayed?: Pick<Connection, "relay" | "relay_id"> | undefined;
};

export function newConnection(
  { id, lobby, consent, wants_relay, asker, asked, relayed }: ConnectionRequest,
  now: number,
): Connection {
  const nothing = { reach: null, reached_at: 0, spoken: [], outcome: null };
  const open = {
    id,
    lobby,
    consent,
    wants_relay,
    parties: [
      { peer: asker, agreed: true, ...nothing },
      { peer: asked, agreed: false, ...nothing },
    ],
    state: "waiting",
    due_at: now + (consent === "ask" ? limits.CONSENT_PROMPT_MS : limits.CONSENT_AUTOMATIC_MS),
    introduction: null,
    relay_id: relayed?.relay_id ?? id,
    relay: relayed?.relay ?? null,
    failure: null,
    timeline: [],
  } as const;
  return withTimelineEntry(open, "asked", asker, now);
}

export const endOf = ({ parties }: Connection, peer: string): End | null =>
  parties[0].peer === peer ? 0 : parties[1].peer === peer ? 1 : null;

/** A peer agrees, or renews its reach. */
export function agree(connection: Connection, end: End, reach: VerifiedReach | null, now: number): Connection {
  const party = connection.parties[end];
  const spoken = [...new Set(reach?.samples.map(({ via }) => via.address))];
  const updated = { ...party, agreed: true, ...(reach !== null && { reach, reached_at: now, spoken }) };
  const next = { ...connection, parties: replaceParty(connection, end, updated) };
  const gathering = next.parties.every(({ agreed }) => agreed);
  const lines = [...(party.agreed ? [] : [["accepted"] as const]), ...(reach === null ? [] : [["looked"] as const])];
  const logged = lines.reduce(
    (entries, [event]) => withTimelineEntry(entries, event, party.peer, now),
    next as Connection,
  );
  if (!gathering || connection.state !== "waiting") return logged;
  return { ...logged, state: "gathering", due_at: now + limits.GATHER_MS };
}

/** Whether the peer has to send a fresh reach before the introduction. */
export const isStale = ({ reach, reached_at }: Party, now: number): boolean =>
  reach === null || now - reached_at > limits.REACH_FRESH_MS;

export const isReady = ({ state, parties }: Connection, now: number): boolean =>
  state === "gathering" && parties.every((party) => !isStale(party, now));

/**
 * Whether a request of one of the two belongs to the introduction that they have just received: it was under way when the
 * other peer's request arrived, or it was sent twice because the reply was late. Over UDP it is for the same socket. A
 * browser sent it before what it was introduced with; the clock of a page that was loaded again starts at zero.
 */
export function isRepeated(connection: Connection, peer: string, reach: VerifiedReach | null, now: number): boolean {
  const { state, introduction } = connection;
  const end = endOf(connection, peer);
  if (state !== "introduced" || introduction === null || reach === null || end === null) return false;
  // A peer that has the introduction's key, or has failed with it, wants another one.
  if (reach.epoch === introduction.epoch || (reach.attempt ?? 0) > introduction.attempt) return false;
  if (now - introduction.told_at >= limits.REQUEST_REPEATED_MS) return false;
  const [repeated, used] = [usedReach(reach), introduction.used[end]];
  const earlier_ms = used.sent_ms - repeated.sent_ms;
  if (introduction.webrtc !== null) return earlier_ms >= 0 && earlier_ms < limits.REQUEST_REPEATED_MS;
  return repeated.local_port !== null && repeated.local_port === used.local_port;
}

/** The reaches are dropped: they are secret and no longer needed. */
export function setIntroduced(connection: Connection, introduction: Introduction, now: number): Connection {
  const parties = connection.parties.map((party) => ({ ...party, reach: null })) as unknown as Connection["parties"];
  const relay_ms = introduction.webrtc === null ? limits.RELAY_ANSWER_MS * limits.RELAY_TRIES_MAX : limits.ICE_MS;
  const patience_ms = introduction.plans?.[0].give_up_ms ?? relay_ms;
  const due_at = now + Math.max(...introduction.start_in_ms) + patience_ms + limits.OUTCOME_WAIT_MS;
  const next: Connection = { ...connection, parties, state: "introduced", introduction, due_at };
  return withTimelineEntry(next, "introduced", null, now, introduction.verdict);
}

export const setRelay = (connection: Connection, relay: Connection["relay"], now: number): Connection =>
  withTimelineEntry({ ...connection, relay }, "relayed", null, now);

export function fail(
  connection: Connection,
  { reason, by = null, message }: { reason: FailureReason; by?: string | null; message: string },
  now: number,
): Connection {
  const failure = { reason, state: connection.state, message };
  const next = { ...finish(connection, now), failure };
  return withTimelineEntry(next, "failed", by, now, reason);
}

/** Records a peer's outcome. Only the first one counts. */
export function recordOutcome(connection: Connection, end: End, outcome: OutcomeReport, now: number): Connection {
  const party = connection.parties[end];
  if (party.outcome !== null) return connection;
  const parties = replaceParty(connection, end, { ...party, outcome });
  const detail = outcome.message === undefined ? outcome.path : `${outcome.path}: ${outcome.message}`;
  const next = withTimelineEntry({ ...connection, parties }, "outcome", party.peer, now, detail);
  return parties.every((one) => one.outcome !== null) ? finish(next, now) : next;
}

/** Ends the connection and drops its secrets. The relay continues until it ends by itself. */
export const finish = (connection: Connection, now: number): Connection => ({
  ...connection,
  state: "over",
  due_at: now + limits.CONNECTION_KEPT_MS,
  introduction: null,
  parties: connection.parties.map((party) => ({ ...party, reach: null })) as unknown as Connection["parties"],
});

function latest(times: readonly (number | undefined)[]): number | null {
  const known = times.filter((ms) => ms !== undefined);
  return known.length === 0 ? null : Math.max(...known);
}

/** What the reported outcomes say together; null where none was reported. Of two times the later one counts. */
export function overallOutcome({ parties }: Connection): OverallOutcome | null {
  const reports = parties.flatMap(({ outcome }) => outcome ?? []);
  if (reports.length === 0) return null;
  const direct = reports.every(({ path }) => path === "direct");
  return {
    direct,
    byIPv6: direct && reports.every(({ family }) => family === "ipv6"),
    first_path_ms: latest(reports.map(({ first_path_ms }) => first_path_ms)),
    direct_path_ms: direct ? latest(reports.map(({ elapsed_ms }) => elapsed_ms)) : null,
  };
}

/** Whether both reported a direct path, so that neither needs the relay. */
export const needsNoRelay = ({ parties }: Connection): boolean =>
  parties.every(({ outcome }) => outcome?.path === "direct");

/** Whether the pair has a relay, as far as the hub knows. */
export const isRelayed = ({ relay }: Connection, now: number): boolean =>
  relay !== null && relay.every(({ expires_at }) => Date.parse(expires_at) > now);

/**
 * Whether the pair's next connection keeps the relay. A requester without a key of the pair has started over, and the relay
 * still belongs to the socket that it had: the sidecar admits another one only after a silence.
 */
export const keepsRelay = (connection: Connection, reach: VerifiedReach | null, now: number): boolean =>
  (reach === null || reach.epoch !== undefined) && isRelayed(connection, now);

/** The connection as one of the two peers may see it. */
export function connectionView(connection: Connection, end: End, now: number): ConnectionView {
  const { id, lobby, parties, consent, state, due_at, introduction, relay, failure, timeline } = connection;
  const punch = introduction === null ? null : punchInstructions(introduction, end, now);
  const webrtc = introduction === null ? null : webrtcInstructions(introduction, end);
  return {
    connection_id: id,
    lobby_id: lobby,
    peer_id: parties[1 - end]!.peer,
    asked: end === 0,
    consent,
    state,
    wants_reach: wantsReach(connection, end, now),
    expires_in_ms: Math.max(0, due_at - now),
    ...(punch !== null && { punch }),
    ...(webrtc !== null && { webrtc }),
    ...(relay !== null && { relay: { relay: relay[end], ...(introduction !== null && verdictOf(introduction, end)) } }),
    ...(failure !== null && { failure: { ...failure, code: FAILURES[failure.reason].code } }),
    timeline: timeline.map(({ at, ...line }) => ({ ...line, at: new Date(at).toISOString() })),
  };
}

/** Whether the peer must send a reach. */
function wantsReach({ state, consent, parties }: Connection, end: End, now: number): boolean {
  if (state === "gathering") return isStale(parties[end], now);
  return state === "waiting" && end === 1 && consent !== "ask";
}

function withTimelineEntry(
  connection: Connection,
  event: TimelineEntry["event"],
  by: string | null,
  at: number,
  detail?: string,
): Connection {
  const line = { event, at, by, ...(detail !== undefined && { detail: detail.slice(0, 96) }) };
  return { ...connection, timeline: [...connection.timeline, line].slice(-limits.TIMELINE_MAX) };
}

function replaceParty({ parties }: Connection, end: End, party: Party): Connection["parties"] {
  return end === 0 ? [party, parties[1]] : [parties[0], party];
}
