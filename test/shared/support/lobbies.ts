/** Peers with home endpoints, their events, and prepared lobbies for the tests of the core. */
import { step } from "#shared/lobby/step.ts";
import type { Event, Lobby, Policy, Source } from "#shared/lobby/lobby.ts";
import type { SocketMessage, Notice, Transition } from "#shared/lobby/notices.ts";
import type { RefusalCode } from "#shared/refusals.ts";

export const T0 = Date.UTC(2025, 0, 1);

export const POLICY: Policy = {
  lease_ms: 5_000,
  lifetime_ms: 900_000,
  started_keep_ms: 10_000,
  confirmed_keep_ms: 2_000,
  listed: true,
};

export const from = (last: number, port = 7_000, sidecar = "north"): Source => ({
  sidecar,
  via: 3_478,
  endpoint: { address: `192.0.2.${last}`, port },
});

/** The default endpoint of each peer. Dave is on another sidecar. */
export const HOME = { Alice: from(1), Bob: from(2), Carol: from(3), Dave: from(4, 7_000, "south"), Eve: from(66) };
export type Person = keyof typeof HOME;

type Hosting = Event & { kind: "host"; source: Source };
type Joining = Event & { kind: "join"; source: Source };

export const hosts = (peer: Person, parts: Partial<Hosting> = {}): Hosting => ({
  kind: "host",
  id: "0-aaaaaaaaaaaaaaaaaaaaaaaaaa",
  wire: "rabid",
  name: "Nice",
  policy: POLICY,
  seats: 4,
  password_digest: null,
  peer,
  memory: null,
  source: HOME[peer],
  ...parts,
});

export const joins = (peer: Person, parts: Partial<Joining> = {}): Joining => ({
  kind: "join",
  peer,
  password_digest: null,
  memory: null,
  reclaims: false,
  source: HOME[peer],
  ...parts,
});

type About = "leave" | "kick" | "confirm" | "renew" | "lost" | "heartbeat";

const about =
  (kind: About) =>
  (peer: Person, source: Source = HOME[peer]): Event => ({ kind, peer, source });

export const leaves = about("leave");
export const confirms = about("confirm");
export const renews = about("renew");
export const isLost = about("lost");
export const sendsHeartbeat = about("heartbeat");
export const kicks = (victim: Person, source: Source = HOME.Alice): Event => ({ kind: "kick", peer: victim, source });
export const starts = (source: Source = HOME.Alice): Event => ({ kind: "start", source });
export const goesAway = (sidecar: string): Event => ({ kind: "sidecar_away", sidecar });
export const comesBack = (sidecar: string): Event => ({ kind: "sidecar_back", sidecar });
export const TICK: Event = { kind: "tick" };

/** An open lobby created at T0: the first peer hosts, the others joined in this order. */
export function lobbyOf(people: readonly [Person, ...Person[]], parts: Partial<Hosting> = {}): Lobby {
  const [host, ...others] = people;
  const password_digest = parts.password_digest ?? null;
  return others.reduce(
    (lobby, peer) => after(lobby, joins(peer, { password_digest })),
    still(step(null, hosts(host, parts), T0)),
  );
}

/** The same, started at T0. */
export const startedLobbyOf = (people: readonly [Person, ...Person[]], parts: Partial<Hosting> = {}): Lobby =>
  after(lobbyOf(people, parts), starts(HOME[people[0]]));

/** The lobby after one event that it survives. */
export const after = (lobby: Lobby, event: Event, now = T0): Lobby => still(step(lobby, event, now));

export function still(stepped: Transition): Lobby {
  if (stepped.lobby === null) throw new Error("the test expected the lobby to live on");
  return stepped.lobby;
}

export const peersOf = (lobby: Lobby | null): string[] => lobby?.members.map((member) => member.peer) ?? [];

/** The notices in order, with the member's name or `requester`. */
export const noticesOf = (stepped: Transition): [string, Notice | SocketMessage][] =>
  stepped.notices.map((notice) => [notice.to === "member" ? notice.peer : "requester", notice.notice]);

export const refused = (code: RefusalCode): [string, Notice][] => [["requester", { kind: "refused", code }]];

export const roster = (...peers: Person[]): Notice => ({ kind: "roster", peers });
