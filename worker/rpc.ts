/**
 * The contract between the Worker and a hub: every method that the Worker, or another hub, may call, and the types of
 * the calls. `http/` and `hub/` both import this file, so that neither of them imports the other.
 */
import type { AuditEntry } from "#shared/api/moderation/audit.ts";
import type { LobbyView } from "#shared/api/lobbies.ts";
import type { Summary } from "#shared/listing/summary.ts";
import type { AdminLobby, SidecarView, Stats } from "#shared/api/service.ts";
import type { LobbyBanView } from "#shared/api/bans.ts";
import type { ApplicationView } from "#shared/api/reads.ts";
import type { OwnBan, OwnSeat } from "#shared/api/identity.ts";
import type { NewReport } from "#shared/api/moderation/reports.ts";
import type { Announced, Announcement } from "#shared/api/moderation/announcements.ts";
import type { RelaySettings } from "#shared/api/moderation/relay-settings.ts";
import type { SnapshotInfo } from "#shared/api/snapshots.ts";
import type { Ban } from "#shared/auth/bans.ts";
import type { VerifiedReach } from "#shared/connect/introduction.ts";
import type { PairStats } from "#shared/connect/outcomes.ts";
import type { ConnectionView, OutcomeReport, RelayView } from "#shared/connect/schema.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Query } from "#shared/listing/query.ts";
import type { Page } from "#shared/listing/sorted-index.ts";
import type { Event } from "#shared/lobby/lobby.ts";
import type { RateLimitClass, RateLimitState, RateLimitSubject } from "#shared/rate-limit/rate-limiter.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import type { ListPage } from "./lists/list-page.ts";
import type { Change } from "#shared/subscriptions/coalescer.ts";

/**
 * The URLs by which the Worker opens a WebSocket at a hub, after it has checked the client. The hub does not look at
 * the URL of the client's request, because a client can spell it in several ways.
 */
export const SOCKET_URLS = { events: "https://hub/events", link: "https://hub/link" } as const;

/** The header in which the Worker passes the client's address to the hub. A client's header of this name is dropped. */
export const SOURCE_HEADER = "parley-source";

/** The statistics of one hub. Durations are histograms, which add up over hubs. */
export type HubStats = Omit<Stats, "connections"> & { readonly connections: readonly PairStats[] };

/** Identifies a request that may be retried: the key, prefixed with the peer's id, and a hash of path and body. */
export type IdempotencyKey = { readonly key: string; readonly hash: string };

/** Who sends a request, from where, and how the hub limits and remembers it. */
export type RequestMeta = RateLimitSubject & {
  /** Null if the request is not rate limited: a sidecar or an operator showed its key. */
  readonly cost: RateLimitClass | null;
  readonly idempotency: IdempotencyKey | null;
};

export type Refused = {
  readonly refused: RefusalCode;
  readonly detail?: string;
  /** Seconds until a retry can succeed, if known. */
  readonly retry_after_s?: number | undefined;
};
/** `interim`: another call of the same request follows, and its outcome is the one to store. */
export type Outcome<T> = { readonly value: T; readonly interim?: true } | Refused;

export type Limited = { readonly rate_limit: RateLimitState | null };

/** An outcome, the state of the rate limit after it, and whether it is the stored response of an earlier request. */
export type RpcResult<T> = Outcome<T> & Limited & { readonly replayed: boolean };

/** Seconds until a refused call can succeed, if that is known. */
export const retryAfter = ({ rate_limit, retry_after_s }: Refused & Limited): number | undefined =>
  rate_limit?.allowed === false ? rate_limit.retry_after_s : retry_after_s;

/** How a request names a lobby: by id, by join code, or by the key of "create or join". */
export type LobbySelector = { readonly id: string } | { readonly code: string } | { readonly key: string };

/** The name of a native lobby that has a key. Lobby ids contain no slash, so the two cannot collide. */
export const nameOfKey = (key: string): string => `key/${key}`;

/** What an event did to a lobby, as the peer that sent it may see it. */
export type LobbyResult = {
  readonly id: string;
  readonly at: number;
  /** Null if the lobby has ended, or the peer may not see it. */
  readonly view: LobbyView | null;
  /** The peer became a member by this event. */
  readonly joined: boolean;
  /** When the peer's application for a place expires (ms), or null if it has none. */
  readonly waits_until: number | null;
};

/** The salt of a request's password (the lobby's id), null if no password is needed; or a retry's stored response. */
export type PasswordCheck = { readonly salt: string | null } | LobbyResult;

/** A noray host's lobby as non-members see it, and whether this call put it into the list. */
export type NorayListing = { readonly view: LobbyView; readonly newly_listed: boolean };

/** What one hub knows of a peer. */
export type OwnState = { readonly seats: readonly OwnSeat[]; readonly ban: OwnBan | null };

/** A host's snapshot, and what it writes. */
export type Snapshot = { readonly info: SnapshotInfo; readonly bytes: ArrayBuffer };
export type SnapshotWrite = Pick<SnapshotInfo, "term" | "readers"> & { readonly bytes: ArrayBuffer };

export type ConnectParams = {
  readonly peer: string;
  readonly reach: VerifiedReach | null;
  readonly relay: boolean;
  /** The requester showed an invitation that the other peer had signed for. */
  readonly invited: boolean;
};

/** A request for the relay of a connection in a lobby; `lost`: the peer's end of one that no longer answers. */
export type RelayParams = { readonly id: string; readonly lobby: string; readonly lost?: Endpoint | undefined };

/** A position in the list of all lobbies: the newest first, then by id. */
export type Cursor = { readonly created_at: number; readonly id: string };
export type AdminPage = { readonly lobbies: readonly AdminLobby[]; readonly more: boolean };

export type AuditPage = { readonly entries: readonly AuditEntry[]; readonly more: boolean };

export const newestFirst = (a: Cursor, b: Cursor): number => b.created_at - a.created_at || (a.id < b.id ? -1 : 1);

/** What a ban applies to. Exactly one of the first two is set; `network`: where the peer was. */
export type BanTarget = {
  readonly ip_prefix: string | null;
  readonly peer_id: string | null;
  readonly network?: string;
};

/** Changes of the lines of a lobby list. */
export type ListChanges = readonly Change<Summary>[];

/** `RpcResult` methods are rate limited and checked against bans; the others answer operators and hubs directly. */
export interface HubRpc extends Rpc.DurableObjectBranded {
  /** One page of this hub's lobbies. */
  listLobbies(meta: RequestMeta, query: Query): RpcResult<Page>;
  /**
   * The first hub: one page of the lobbies of all `hubs`, as the text that clients get; null if every hub must be asked.
   * `known`: the client's `If-None-Match`.
   */
  renderList(meta: RequestMeta, query: Query, known: string | null, hubs: number): Promise<RpcResult<ListPage | null>>;
  /** A lobby as the peer of `meta` may see it. */
  getLobby(meta: RequestMeta, id: string): RpcResult<LobbyView>;
  /** The lobby of a join code or key, as lists show it, also if it is private. A wrong join code counts as a guess. */
  previewLobby(meta: RequestMeta, selector: LobbySelector): RpcResult<Summary>;
  /** An application of a peer, for that peer and the host. */
  getApplication(meta: RequestMeta, lobby: string, peer: string): RpcResult<ApplicationView>;
  /** Creates a lobby with a join code that leads to this shard out of `shards`. */
  createLobby(meta: RequestMeta, event: Event & { kind: "host" }, shards: number): Promise<RpcResult<LobbyResult>>;
  /** Applies a peer's event to a lobby. A wrong join code counts as a guess. */
  applyEvent(meta: RequestMeta, selector: LobbySelector, event: Event): Promise<RpcResult<LobbyResult>>;
  /** Charges a request with a password, and refuses it if no password can help. Its event follows at no further cost. */
  checkPassword(meta: RequestMeta, at: LobbySelector | null, event: Event): RpcResult<PasswordCheck>;
  /** Lists a noray host, which proves itself by the digest of its pid. */
  listNorayHost(meta: RequestMeta, event: Event & { kind: "publish" }): Promise<RpcResult<NorayListing>>;
  /** The id of a lobby; null if there is none. */
  findLobbyId(selector: LobbySelector): string | null;

  /** The peer's seats at this hub, and the operators' ban of it. */
  readPeer(meta: RequestMeta): RpcResult<OwnState>;
  /** The bans of a lobby, for its host. */
  listLobbyBans(meta: RequestMeta, lobby: string): RpcResult<LobbyBanView[]>;
  /** Queues a member's report for the operators. */
  reportMember(meta: RequestMeta, lobby: string, report: NewReport): Promise<RpcResult<{ report_id: string }>>;
  /** Stores or returns the snapshot of a lobby's host. */
  putSnapshot(meta: RequestMeta, lobby: string, write: SnapshotWrite): Promise<RpcResult<SnapshotInfo>>;
  getSnapshot(meta: RequestMeta, lobby: string): RpcResult<Snapshot>;

  /** The stored response of a request that makes several calls; null if the request is new. */
  getCached(idempotency: IdempotencyKey): { readonly outcome: Outcome<LobbyResult> | null };
  /** Stores the response of such a request. */
  putCached(meta: RequestMeta, result: LobbyResult): void;

  /** The sidecars whose links are up. */
  listSidecars(meta: RequestMeta): RpcResult<SidecarView[]>;
  /** Counts of lobbies, members and connections. */
  getStats(meta: RequestMeta): RpcResult<HubStats>;

  /** Requests a connection from one member of a lobby to another. */
  requestConnection(meta: RequestMeta, lobby: string, request: ConnectParams): RpcResult<ConnectionView>;
  /** The connections of the peer in this lobby, the newest first. */
  listConnections(meta: RequestMeta, lobby: string): RpcResult<ConnectionView[]>;
  /** One connection of the peer. */
  getConnection(meta: RequestMeta, id: string): RpcResult<ConnectionView>;
  /** Accepts a connection, or updates the peer's reach. */
  acceptConnection(meta: RequestMeta, id: string, reach: VerifiedReach | null): RpcResult<ConnectionView>;
  /** Declines or ends a connection. */
  declineConnection(meta: RequestMeta, id: string): RpcResult<null>;
  /** Records how the peer's attempt to connect ended. */
  reportOutcome(meta: RequestMeta, id: string, outcome: OutcomeReport): RpcResult<null>;
  /** Allocates a relay for a connection, or returns the one that it has. Waits for a sidecar. */
  requestRelay(meta: RequestMeta, request: RelayParams): Promise<RpcResult<RelayView>>;
  /** The hub's time (ms), if the peer is a member of the lobby. The Worker dates an invitation by it. */
  assertMember(meta: RequestMeta, lobby: string): RpcResult<number>;

  /** One page of all lobbies, for operators. */
  listAllLobbies(limit: number, after: Cursor | null): AdminPage;
  /** Ends a lobby; false if there is none of this id. */
  closeLobby(id: string): boolean;
  /** What a ban of this member would apply to, or null if the lobby has no such member. */
  banTargetOf(id: string, member: string): BanTarget | null;
  /** All bans that are in force. */
  listBans(): Ban[];
  /** Stores a ban; false if there are too many. */
  addBan(ban: Ban): boolean;
  /** Removes a ban; false if there is none of this id. */
  removeBan(id: string): boolean;
  /** Adds an entry to the audit trail. */
  addAuditEntry(entry: AuditEntry): void;
  /** One page of the audit trail, from the entry after `after`. */
  listAuditEntries(limit: number, after: string | null): AuditPage;
  /** Throws if the storage accepts no rows. */
  checkStorage(): void;
  /** What operators set for relays. */
  getRelaySettings(): RelaySettings;
  /** Sets it. If relays are disabled, existing ones of native connections end. */
  setRelaySettings(settings: RelaySettings): void;
  /** Counts an announcement, at the first hub: 0 where it may be sent, else the seconds to wait. */
  admitAnnouncement(): number;
  /** Sends it to the subscribers of this hub, and from the first hub to all sidecars. */
  announce(announcement: Announcement): Omit<Announced, "announcement_id">;
  /** Whether the hub refuses new lobbies. */
  isDraining(): boolean;
  /** Starts or stops refusing new lobbies. */
  setDraining(draining: boolean): void;

  /** Called by the first hub of the game: returns all lines, and sends changes from now on. */
  subscribeShard(): Summary[];
  /** Called by the other hubs: applies their changes; resolves to whether the list is still used. */
  onShardChanges(shard: number, changes: ListChanges, count: number, lost: boolean): Promise<boolean>;
}

/** The registry of games, for a deployment that serves any game. */
export interface GameRegistryRpc extends Rpc.DurableObjectBranded {
  /** Whether the game has separate hubs. */
  has(game: string): boolean;
  /** Registers a game. `subject` null: no limit applies. */
  add(game: string, subject: RateLimitSubject | null): RpcResult<null>;
}
