/** Types of the lobby core: a lobby with its members and settings, the events that change it, and the notices it sends. */
import type { Data, DataPatch, LobbyData, LobbyDataPatch } from "./data.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { PathKind } from "./paths.ts";
import type { Removal } from "../refusals.ts";

export const UDP_WIRES = ["native", "rabid", "dowsett", "noray"] as const;
export const WIRES = [...UDP_WIRES, "nohub"] as const;
export type Wire = (typeof WIRES)[number];

/** What differs between wires. Times in ms; null means never. */
export type Policy = {
  /** A member that its sidecar has not heard for this long is lost, while the lobby is open. */
  readonly lease_ms: number | null;
  /** Lifetime of a lobby that never starts. */
  readonly lifetime_ms: number | null;
  /** How long a started lobby is kept, so that members that missed the start can still renew. */
  readonly started_keep_ms: number;
  /** The same once every member has confirmed: only late retransmissions still arrive. */
  readonly confirmed_keep_ms: number;
  /** Whether lists show the wire's lobbies at all; `visibility` is the host's choice. */
  readonly listed: boolean;
  /** A joiner is introduced to the host at once and not stored; otherwise members wait for the start. */
  readonly introduces_on_join?: boolean;
  /** A repeated host event from the same source replaces the lobby's settings; otherwise it changes nothing. */
  readonly rehosts?: boolean;
  /** A member that its sidecar verified may move to another address; otherwise only to another port. */
  readonly roams?: boolean;
  /**
   * Members depend on a connection to their sidecar: a host is listed once it publishes its lobby, and only while its
   * sidecar's link is up.
   */
  readonly tethered?: boolean;
  /** Peers without a source (HTTP, WebSocket) may be members; otherwise only peers of the wire. */
  readonly admits_http?: boolean;
  /** A member is dropped after it was away for this long; absent: `AWAY_MS`. */
  readonly away_ms?: number;
};

/** Where a datagram came from and where its answer is sent: sidecar, local port (net/local-port.ts), peer endpoint. */
export type Source = { readonly sidecar: string; readonly via: number; readonly endpoint: Endpoint };

/** What a peer brings when it becomes a member. */
export type Profile = {
  /** Identity within the lobby: over HTTP the peer's public id; on wires without identities its name. */
  readonly peer: string;
  /** What people read; absent: the identity. */
  readonly display_name?: string;
  /** What the other members can read. */
  readonly data?: Data;
  /** The network of an HTTP member (IPv4 address, IPv6 /64), where it is known. Secret. */
  readonly network?: string;
  /** How an HTTP member can be connected; absent: its client does not say. */
  readonly paths?: readonly PathKind[];
};

export type Member = Profile & {
  /** Where its datagrams come from. Null for an HTTP member, whose heartbeats the hub counts. */
  readonly source: Source | null;
  /** A sidecar has seen the session ticket of this HTTP member over UDP. */
  readonly seen_over_udp?: true;
  readonly joined_at: number;
  /** The member confirmed that it received the introduction. */
  readonly confirmed: boolean;
  /** Since when its sidecar is down, or since when the member is silent. */
  readonly away_since: number | null;
  /** When the held seat of an HTTP member without a heartbeat is freed (ms since the epoch). */
  readonly held_until?: number;
  /** What the wire stores with this member: small, opaque, secret. */
  readonly memory: string | null;
  /** The endpoint in its own network, where it sent one. Only peers introduced to it receive this. */
  readonly local?: Endpoint;
  /** Overrides of the lobby's settings. If either of two peers hides its address, both are relayed. */
  readonly consent?: Consent;
  readonly addresses?: AddressPolicy;
};

/** A ban of one lobby (bans.ts). */
export type LobbyBan = {
  readonly peer: string;
  readonly name?: string;
  readonly endpoint: Endpoint | null;
  /** Absent in rows of older versions. */
  readonly banned_at?: number;
  /** Where the peer was, for an hour, and the lobby's password then. */
  readonly network?: string;
  readonly old_password?: string | null;
  /** The reason, as the host wrote it. */
  readonly detail?: string;
};

/** A peer that waits for the host to admit it. It takes no seat. */
export type Applicant = Profile & {
  /** It shares the network of a banned peer. */
  readonly near_ban?: boolean;
  readonly asked_at: number;
  /** The host denied it. Kept until the applicant would have expired, so that a retry is refused. */
  readonly denied: boolean;
};

export const VISIBILITIES = ["public", "unlisted", "private"] as const;
/** Public: listed. Unlisted: found by its id. Private: found by its join code, and by members. */
export type Visibility = (typeof VISIBILITIES)[number];
export const HOST_POLICIES = ["automatic", "manual", "close"] as const;
/** When the host leaves: the next member by arrival hosts; a member must claim the role in time; the lobby ends. */
export type HostPolicy = (typeof HOST_POLICIES)[number];
export const CONSENTS = ["automatic", "ask", "ticket"] as const;
/** How a connection request is answered: accepted at once; after the member accepts; only with its invitation ticket. */
export type Consent = (typeof CONSENTS)[number];
export const ADDRESS_POLICIES = ["direct", "relay_only", "direct_only"] as const;
/** Whether connected members use a direct path or a relay, only a relay, or only a direct path. */
export type AddressPolicy = (typeof ADDRESS_POLICIES)[number];

/** Settings that the host chooses and may change. Foreign wires use the defaults. */
export type Settings = {
  /** What people read; null: the lobby's `name`. */
  readonly display_name: string | null;
  readonly visibility: Visibility;
  /** Version of the game: only peers of the same version join. Null: any. */
  readonly version: string | null;
  /** False: no peer can join, not even with the password. */
  readonly joinable: boolean;
  /** The game has begun: lists omit the lobby unless asked; nothing else changes. */
  readonly in_game: boolean;
  /** The host admits each joiner. */
  readonly approval: boolean;
  readonly host_policy: HostPolicy;
  /** How long a host keeps its role, and another member its seat, after its last WebSocket closed. In seconds. */
  readonly host_grace_s: number;
  readonly member_grace_s: number;
  /** The members that become host, in this order, if the host is gone. The others follow by arrival. */
  readonly successors: readonly string[];
  readonly consent: Consent;
  readonly addresses: AddressPolicy;
  readonly data: LobbyData;
};

/** Instead of a digest: the peers check the password among themselves, and the hub never receives it. */
export const PASSWORD_CHECKED_BY_PEERS = "peers";

export type Lobby = Settings & {
  readonly id: string;
  readonly wire: Wire;
  /** How its wire finds it: unique within game and wire. On the native wire the lobby's id or key. */
  readonly name: string;
  readonly policy: Policy;
  /** The largest number of members, or null on wires without a limit. */
  readonly seats: number | null;
  /** Digest of the password, `LOCKED_BY_PEERS`, or null. */
  readonly password_digest: string | null;
  /** Started: all members were introduced, and the lobby is only kept for retries. Native lobbies stay open. */
  readonly state: "open" | "started";
  /** By arrival; never empty. */
  readonly members: readonly Member[];
  readonly applicants: readonly Applicant[];
  /** A member; null while the lobby is vacant: the host left, and a member has to claim the role. */
  readonly host: string | null;
  readonly vacant_since: number | null;
  /** Increases whenever the host changes, also to null. */
  readonly term: number;
  /** Hosts of earlier terms: they are refused with `stale_term` instead of `not_host`. */
  readonly former_hosts: readonly string[];
  /** Peers that may not join again: by name, and by the endpoint they had. */
  readonly banned: readonly LobbyBan[];
  /** The published address of its host in the wire's notation, where the host published one. */
  readonly join_uri?: string;
  /** The join code (ids.ts), or null on wires without codes. */
  readonly code: string | null;
  /** Chosen by the host: its next lobby with the same value replaces this one. */
  readonly client_ref: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly started_at: number | null;
  /** Increases with every change. */
  readonly revision: number;
};

/** Changes by the host; absent keys stay. `data` is a merge patch: null removes a key. */
export type LobbyChanges = {
  readonly [K in keyof Omit<Settings, "data">]?: Settings[K];
} & {
  readonly seats?: number;
  readonly password_digest?: string | null;
  readonly data?: LobbyDataPatch;
};

export type Event =
  | (Profile & {
      readonly kind: "host";
      readonly id: string;
      readonly wire: Wire;
      readonly name: string;
      readonly policy: Policy;
      readonly seats: number | null;
      readonly password_digest: string | null;
      readonly memory: string | null;
      readonly local?: Endpoint;
      readonly source: Source | null;
      readonly settings?: Partial<Settings>;
      readonly code?: string;
      readonly client_ref?: string;
    })
  | (Profile & {
      readonly kind: "join";
      readonly password_digest: string | null;
      /** The join code, where the joiner used one. */
      readonly code?: string;
      /** It shares the network of a peer that operators banned. */
      readonly near_ban?: boolean;
      /** It does not wait for the host: quick join tries another lobby instead. */
      readonly immediate?: boolean;
      /** The version of its game. */
      readonly version?: string;
      readonly memory: string | null;
      readonly local?: Endpoint;
      /** The sidecar verified: same address, and the old endpoint missed two pings. */
      readonly reclaims: boolean;
      /** Where joining introduces: only the joiner is notified, because its sidecar will relay the two. */
      readonly silently?: boolean;
      readonly source: Source | null;
    })
  /** If `source` is null, `peer` was verified by its token. */
  | { readonly kind: "leave"; readonly peer: string; readonly source: Source | null }
  /** `peer` is the member to remove, `by` the HTTP peer that asked for it. */
  | {
      readonly kind: "kick";
      readonly peer: string;
      readonly source: Source | null;
      readonly by?: string;
      /** False: the member may join again. Absent: it may not. */
      readonly ban?: boolean;
      /** The reason, as the host wrote it. */
      readonly detail?: string;
    }
  /** The host lifts a ban. */
  | { readonly kind: "unban"; readonly by: string; readonly peer: string }
  | { readonly kind: "start"; readonly source: Source }
  | { readonly kind: "confirm"; readonly peer: string; readonly source: Source }
  /** A member renewed at a sidecar that does not hold it. */
  | { readonly kind: "renew"; readonly peer: string; readonly source: Source }
  /** The member proved to its sidecar that its endpoint changed; another address needs a policy that `roams`. */
  | { readonly kind: "moved"; readonly peer: string; readonly source: Source }
  /** The member's sidecar has not heard it for a lease. */
  | { readonly kind: "lost"; readonly peer: string; readonly source: Source }
  /** The member's sidecar heard it again; over HTTP: it sent a heartbeat or a request. */
  | { readonly kind: "heartbeat"; readonly peer: string; readonly source: Source | null }
  /** An HTTP member missed its heartbeats. */
  | { readonly kind: "silent"; readonly peer: string }
  /** The grace of these HTTP members is over. `waiting`: members without a socket whose grace still runs. */
  | { readonly kind: "disconnected"; readonly peers: readonly string[]; readonly waiting: readonly string[] }
  /** A sidecar's link is down, or up again and the sidecar still holds its contacts. */
  | { readonly kind: "sidecar_away"; readonly sidecar: string }
  | { readonly kind: "sidecar_back"; readonly sidecar: string }
  /** The host changes the lobby, if its revision is one of `expected`; absent: any. */
  | {
      readonly kind: "patch";
      readonly by: string;
      readonly changes: LobbyChanges;
      readonly expected?: readonly number[];
    }
  /** A host on a foreign wire proves itself by its wire memory, and sets what lists show of its lobby. */
  | {
      readonly kind: "publish";
      readonly peer: string;
      readonly proof: string;
      readonly join_uri?: string | null;
      readonly changes: LobbyChanges;
    }
  /** A member changes what it publishes about itself. */
  | {
      readonly kind: "update_member";
      readonly peer: string;
      readonly display_name?: string;
      readonly data?: DataPatch;
      readonly consent?: Consent;
      readonly addresses?: AddressPolicy;
    }
  /** The host ends the lobby; `by` null: the hub or an operator does. */
  | {
      readonly kind: "close";
      readonly by: string | null;
      readonly expected?: readonly number[];
      readonly reason?: Removal;
    }
  /** The host appoints a member, or a member claims the role while the host is gone. */
  | { readonly kind: "transfer_host"; readonly by: string; readonly peer: string; readonly expected_term: number }
  | { readonly kind: "admit"; readonly by: string; readonly peer: string }
  /** The host denies an applicant, or the applicant withdraws. */
  | { readonly kind: "deny"; readonly by: string; readonly peer: string }
  /** To all members; not stored. */
  | { readonly kind: "chat"; readonly by: string; readonly text: string }
  /** To one other member, opaque. */
  | { readonly kind: "signal"; readonly by: string; readonly peer: string; readonly body: string }
  /** Time has passed. */
  | { readonly kind: "tick" };
