/** Converts link messages without a socket: reports to events of the core, and notices to messages for sidecars. */
import { FRAME_HEAD_LENGTH_MAX, FRAME_ITEMS_MAX, LINK_FRAME_LENGTH_MAX } from "#shared/limits.ts";
import {
  type Hello,
  LINK_VERSION,
  LINK_VERSION_OLDEST,
  type LinkNotice,
  type Members,
  type MemberPlace,
  type Report,
  type Reports,
  type Notices as ToldMessage,
} from "#shared/link/messages.ts";
import type { Event, Lobby, Source } from "#shared/lobby/lobby.ts";
import type { RequesterNotice, AddressedNotice } from "#shared/lobby/notices.ts";
import { currentNotice } from "#shared/lobby/transitions.ts";
import { lobbyId } from "#shared/lobby/ids.ts";
import type { PendingNotice } from "../lobby-index.ts";
import { randomId } from "../../auth/random.ts";
import { publishEvent } from "./publications.ts";

/** The sidecar whose reports are answered, up to which one, and which report caused each notice. */
export type Answering = {
  readonly sidecar: string;
  readonly ack: number;
  readonly refs: readonly number[];
  /** Whether the link of a sidecar is up. */
  readonly reaches: (sidecar: string) => boolean;
};

/** The newest version that both sides support, or null. */
export const commonVersion = (hello: Hello): number | null =>
  hello.version < LINK_VERSION_OLDEST ? null : Math.min(hello.version, LINK_VERSION);

/** The new reports of a batch, or null if all are known or an earlier one is missing. */
export function dropDuplicates(reports: Reports, ack: number): Reports | null {
  const known = ack + 1 - reports.seq;
  if (known < 0 || known >= reports.items.length) return null;
  return { ...reports, seq: reports.seq + known, items: reports.items.slice(known) };
}

/** The core's event of each report kind of the link, where nothing else is reported. */
const EVENT_KINDS = {
  leave: "leave",
  kick: "kick",
  confirm: "confirm",
  ask: "renew",
  lost: "lost",
  heard: "heartbeat",
  moved: "moved",
} as const;

export function toEvent(report: Report, sidecar: string, shard: number): Event {
  const { via, endpoint } = report;
  const source: Source = { sidecar, via, endpoint };
  switch (report.kind) {
    case "host": {
      const { via: _, endpoint: __, lock, ...fields } = report;
      return { ...fields, password_digest: lock, id: lobbyId(shard, randomId()), source };
    }
    case "join": {
      const { kind, peer, lock, memory, reclaims, local, silently } = report;
      const joiner = { peer, password_digest: lock, memory, reclaims, source };
      return { kind, ...joiner, ...(local && { local }), ...(silently && { silently }) };
    }
    case "start":
      return { kind: "start", source };
    case "publish":
      return publishEvent(report);
    default:
      return { kind: EVENT_KINDS[report.kind], peer: report.peer, source };
  }
}

/**
 * Groups notices into as few messages per sidecar as frames allow. The reporting sidecar gets its ack with the last
 * one; `refs[i]` is the report that caused `notices[i]`.
 */
export function groupBySidecar(notices: readonly PendingNotice[], answering?: Answering): Map<string, ToldMessage[]> {
  const items = new Map<string, LinkNotice[]>();
  if (answering !== undefined) items.set(answering.sidecar, []);
  const stale = staleRosters(notices);
  for (const [at, { notice: addressed, lobby }] of notices.entries()) {
    if (stale.has(addressed)) continue;
    if (addressed.to === "member") {
      // A member without a source is notified over its WebSocket.
      if (addressed.source === null) continue;
      const { sidecar } = addressed.source;
      const batch = items.get(sidecar) ?? [];
      batch.push({ to: placeOf(lobby!, addressed.peer, addressed.source), notice: addressed.notice });
      items.set(sidecar, batch);
    } else if (answering !== undefined) {
      const ref = answering.refs[at]!;
      items.get(answering.sidecar)!.push({ ref, ...answerOf(addressed.notice, lobby, answering) });
    }
  }
  const messages = new Map<string, ToldMessage[]>();
  for (const [sidecar, batch] of items) {
    const frames = chunk(batch);
    const ack = sidecar === answering?.sidecar ? answering.ack : null;
    messages.set(
      sidecar,
      frames.map((frame, at) => ({ t: "told", ack: at === frames.length - 1 ? ack : null, items: frame })),
    );
  }
  return messages;
}

/** Do not introduce a joiner to a host that cannot be notified: the punch would be one-sided. */
function answerOf(notice: RequesterNotice, lobby: Lobby | null, { reaches }: Answering) {
  if (notice.kind === "refused") return { code: notice.code };
  const host = lobby?.members.find((member) => member.peer === lobby.host);
  const reached = !!host?.source && reaches(host.source.sidecar);
  return reached ? { peers: notice.peers } : { code: "host_unreachable" as const };
}

/** Rosters that a later one in the same batch supersedes: of a hundred joins only the last roster is sent. */
function staleRosters(notices: readonly PendingNotice[]): Set<AddressedNotice> {
  const stale = new Set<AddressedNotice>();
  const newest = new Set<string>();
  for (const { notice: addressed, lobby } of notices.toReversed()) {
    if (addressed.to !== "member" || addressed.notice.kind !== "roster" || addressed.source === null) continue;
    const key = `${lobby!.wire}\n${lobby!.name}\n${addressed.peer}\n${addressed.source.sidecar}`;
    if (newest.has(key)) stale.add(addressed);
    newest.add(key);
  }
  return stale;
}

/** All members of a sidecar, each with its current notice. */
export function membersOf(sidecar: string, lobbies: readonly Lobby[]): Members[] {
  const items = lobbies.flatMap((lobby) =>
    lobby.members.flatMap(({ peer, source }) =>
      source?.sidecar === sidecar ? [{ to: placeOf(lobby, peer, source), notice: currentNotice(lobby) }] : [],
    ),
  );
  const frames = chunk(items);
  return frames.map((frame, at) => ({ t: "members", items: frame, last: at === frames.length - 1 }));
}

/** Splits a list into frames of legal size. An empty list is sent as one empty frame. */
export function chunk<T>(items: readonly T[]): T[][] {
  const frames: T[][] = [[]];
  let length = FRAME_HEAD_LENGTH_MAX;
  for (const item of items) {
    const added = JSON.stringify(item).length + 1;
    length += added;
    if (length > LINK_FRAME_LENGTH_MAX || frames.at(-1)!.length === FRAME_ITEMS_MAX) {
      frames.push([]);
      length = FRAME_HEAD_LENGTH_MAX + added;
    }
    frames.at(-1)!.push(item);
  }
  return frames;
}

function placeOf(lobby: Lobby, peer: string, source: Source): MemberPlace {
  return {
    wire: lobby.wire,
    name: lobby.name,
    via: source.via,
    endpoint: source.endpoint,
    peer,
    host: lobby.host === peer,
    lease_ms: lobby.state === "open" ? lobby.policy.lease_ms : null,
    memory: lobby.members.find((member) => member.peer === peer)?.memory ?? null,
  };
}
