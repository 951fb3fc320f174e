/**
 * The head of a lobby: what a hub that wakes must know of each lobby to find it, to sort the list, and to set its alarm.
 * It is stored beside the lobby's JSON, which is ten times as long and is parsed when the lobby is first used.
 */
import { isListed } from "#shared/listing/listing.ts";
import { deadline } from "#shared/lobby/step.ts";
import type { Lobby, Member, Wire } from "#shared/lobby/lobby.ts";

export type LobbyHead = {
  readonly id: string;
  readonly wire: Wire;
  readonly name: string;
  readonly code: string | null;
  /** HTTP members whose signs of life the hub counts. */
  readonly monitored: readonly string[];
  /** The other HTTP members. */
  readonly unmonitored: readonly string[];
  /** Sidecars of the members that came over UDP. */
  readonly sidecars: readonly string[];
  /** When its next timeout is due (ms), or null. */
  readonly due: number | null;
  readonly created_at: number;
  readonly listed: boolean;
  /** Its members depend on connections to their sidecar. */
  readonly tethered: boolean;
};

/**
 * A head as it is stored: an array, because names of fields would be half of its text. 0 stands for what most lobbies
 * have: the id as the name, and nobody. The revision makes the heads of a lobby differ.
 */
export type EncodedHead = readonly [
  revision: number,
  id: string,
  wire: Wire,
  name: string | 0,
  code: string | null,
  monitored: readonly string[] | 0,
  unmonitored: readonly string[] | 0,
  sidecars: readonly string[] | 0,
  due: number | null,
  created_at: number,
  flags: number,
];

const LISTED = 1;
const TETHERED = 2;
const EMPTY: readonly string[] = [];

export function encodeHead(lobby: Lobby): EncodedHead {
  const { id, wire, name, code, monitored, unmonitored, sidecars, due, created_at, listed, tethered } = headOf(lobby);
  return [
    lobby.revision,
    id,
    wire,
    name === id ? 0 : name,
    code,
    orZero(monitored),
    orZero(unmonitored),
    orZero(sidecars),
    due,
    created_at,
    (listed ? LISTED : 0) | (tethered ? TETHERED : 0),
  ];
}

const orZero = (list: readonly string[]): readonly string[] | 0 => (list.length === 0 ? 0 : list);

/** By position, because destructuring iterates, which a hub that wakes would notice. */
export const decodeHead = (head: EncodedHead): LobbyHead => ({
  id: head[1],
  wire: head[2],
  name: head[3] === 0 ? head[1] : head[3],
  code: head[4],
  monitored: head[5] === 0 ? EMPTY : head[5],
  unmonitored: head[6] === 0 ? EMPTY : head[6],
  sidecars: head[7] === 0 ? EMPTY : head[7],
  due: head[8],
  created_at: head[9],
  listed: (head[10] & LISTED) !== 0,
  tethered: (head[10] & TETHERED) !== 0,
});

export function headOf(lobby: Lobby): LobbyHead {
  const { id, wire, name, code, policy, created_at, members } = lobby;
  const http = members.filter(({ source }) => source === null);
  const monitored = http.filter((member) => isMonitored(lobby, member));
  const others = http.length === monitored.length ? [] : http.filter((member) => !monitored.includes(member));
  const sidecars = new Set(members.flatMap(({ source }) => (source === null ? [] : [source.sidecar])));
  return {
    id,
    wire,
    name,
    code,
    monitored: monitored.map(({ peer }) => peer),
    unmonitored: others.map(({ peer }) => peer),
    sidecars: [...sidecars],
    due: deadline(lobby),
    created_at,
    listed: isListed(lobby),
    tethered: policy.tethered === true,
  };
}

/** Whether the hub counts this HTTP member's signs of life. One that is away or has a held seat has its own deadline. */
const isMonitored = (lobby: Lobby, { away_since, held_until }: Member): boolean =>
  lobby.state === "open" && away_since === null && held_until === undefined;
