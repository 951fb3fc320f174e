/** Types of the lobby core: a lobby with its members and settings, the events that change it, and the notices it sends. */
import type { Data, DataPatch, LobbyData, LobbyDataPatch } from "./data.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { RefusalCode, Removal } from "../refusals.ts";

export const WIRES = ["native", "rabid", "dowsett", "noray"] as const;
export type Wire = (typeof WIRES)[number];

/** What differs between wires. Times in ms; null means never. */
export type Policy = {
  /** Silence tolerated of a member while the lobby is open; the sidecar that hears him watches it. */
  readonly lease_ms: number | null;
  /** Life of a lobby that never starts. */
  readonly lifetime_ms: number | null;
  /** How long a started lobby is remembered, so that members who missed the news can still ask. */
  readonly started_keep_ms: number;
  /** The same once every member has confirmed: only late repetitions still come. */
  readonly confirmed_keep_ms: number;
  /** Whether the wire shows its lobbies to strangers at all; the host's own wish is `visibility`. */
  readonly listed: boolean;
  /** Who joins is introduced to the host at once and remembered by nobody; otherwise members wait for the start. */
  readonly introduces_on_join?: boolean;
  /** A host who hosts again from the same source says everything anew; otherwise his lobby stays as it is. */
  readonly rehosts?: boolean;
  /** Who proved himself to his sidecar may have moved to another address; otherwise only to another port. */
  readonly roams?: boolean;
  /**
   * Members hang on connections to their very sidecar: a host is listed once he publishes himself, and not for a moment
   * longer than his sidecar's link is there.
   */
  readonly tethered?: boolean;
  /** Peers without a source, who speak HTTP or WebSocket, may be members; otherwise the wire is the only door. */
  readonly admits_http?: boolean;
  /** How long a member may be away before he is dropped; absent: `AWAY_MS`. */
  readonly away_ms?: number;
};

/** Where a datagram came in and where its answer leaves: this sidecar, this door (doors.ts), this endpoint. */
export type Source = { readonly sidecar: string; readonly via: number; readonly endpoint: Endpoint };

export type Member = {
  /** Identity within the lobby: over HTTP the peer's public id; on wires without identities, the name. */
  readonly peer: string;
  /** What people read, where it is not the identity itself. */
  readonly display_name?: string;
  /** Where his datagrams come from, and which sidecar watches him; null: he speaks HTTP, and the hub watches him. */
  readonly source: Source | null;
  readonly joined_at: number;
  /** Has said that the introduction arrived. */
  readonly confirmed: boolean;
  /** Since when nobody listens for this member: his sidecar is gone, or he fell silent. */
  readonly away_since: number | null;
  /** The seat is only kept until then (ms) for a member who has joined over HTTP and not been heard since. */
  readonly held_until?: number;
  /** The wire's own note about this member: small, opaque, secret. */
  readonly memory: string | null;
  /** The endpoint in his own network, where he told one: for whoever is introduced to him, and nobody else. */
  readonly local?: Endpoint;
  /** What he tells the other members about himself. */
  readonly data?: Data;
  /** Where he wants it otherwise than the lobby has it; an address that either hides is hidden. */
  readonly consent?: Consent;
  readonly addresses?: AddressPolicy;
};

/** Somebody who asked to join where the host admits each one. He takes no seat. */
export type Applicant = {
  readonly peer: string;
  readonly display_name?: string;
  readonly data?: Data;
  readonly asked_at: number;
  /** Turned away, and remembered as such for as long as he could have waited. */
  readonly denied: boolean;
};

export const VISIBILITIES = ["public", "unlisted", "private"] as const;
/** Public: listed. Unlisted: found by its id. Private: found by its join code, and by members. */
export type Visibility = (typeof VISIBILITIES)[number];

export const HOST_POLICIES = ["automatic", "manual", "close"] as const;
/** When the host goes: the next in order of arrival hosts; a member claims it, or nobody and it ends; it ends at once. */
export type HostPolicy = (typeof HOST_POLICIES)[number];

export const CONSENTS = ["automatic", "ask", "ticket"] as const;
/** How a member is connected to another who asks: at once; once he agrees; with a ticket that he gave away. */
export type Consent = (typeof CONSENTS)[number];

export const ADDRESS_POLICIES = ["direct", "relay_only"] as const;
/** Whether members are told each other's addresses, once both agree, or only ever meet on a relay. */
export type AddressPolicy = (typeof ADDRESS_POLICIES)[number];

/** What a host says of his lobby, and may change while it lives. Foreign wires leave the defaults. */
export type Settings = {
  /** What people read; null: the lobby's name. */
  readonly display_name: string | null;
  readonly visibility: Visibility;
  /** Version of the game itself: only peers of the same one join. Null: any. */
  readonly version: string | null;
  /** False: the door is locked, whoever has the password. */
  readonly joinable: boolean;
  /** Play has begun: out of the lists, and otherwise as before. */
  readonly in_game: boolean;
  /** The host admits each joiner. */
  readonly approval: boolean;
  readonly host_policy: HostPolicy;
  readonly consent: Consent;
  readonly addresses: AddressPolicy;
  readonly data: LobbyData;
};

/** In place of a digest: the peers themselves ask for the password, and the hub never learns it. */
export const PASSWORD_CHECKED_BY_PEERS = "peers";

export type Lobby = Settings & {
  readonly id: string;
  readonly wire: Wire;
  /** How its wire finds it: unique within game and wire while the lobby lives. Natively its id or its key. */
  readonly name: string;
  readonly policy: Policy;
  /** Members it takes, or null on wires that do not count. */
  readonly seats: number | null;
  /** Digest of the password, `LOCKED_BY_PEERS`, or null. */
  readonly password_digest: string | null;
  /** Started: everybody was introduced, and the lobby is only remembered. Natively always open (see `in_game`). */
  readonly state: "open" | "started";
  /** In order of arrival; never empty. */
  readonly members: readonly Member[];
  readonly applicants: readonly Applicant[];
  /** A member; null only while it is vacant: the host went, and his lobby waits for a member who claims it. */
  readonly host: string | null;
  readonly vacant_since: number | null;
  /** Rises with each new host, and when there is none any more. */
  readonly term: number;
  /** Hosts of earlier terms, so that they are told that they are late rather than that they never were. */
  readonly former_hosts: readonly string[];
  /** Who was kicked or banned: by name, and by the endpoint he had. */
  readonly banned: readonly { readonly peer: string; readonly endpoint: Endpoint | null }[];
  /** How its wire writes down the way to its host, where a published one has said more than his name. */
  readonly join_uri?: string;
  /** Six characters that find it (`shards.ts`), or null on wires that know none. */
  readonly code: string | null;
  /** The host's own word for it: his next lobby of the same word replaces it. */
  readonly client_ref: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly started_at: number | null;
  /** Rises with every change. */
  readonly revision: number;
};

/** What a host changes; absent keys stay. `data` is a merge patch: null takes a key away. */
export type LobbyChanges = {
  readonly [K in keyof Omit<Settings, "data">]?: Settings[K];
} & {
  readonly seats?: number;
  readonly password_digest?: string | null;
  readonly data?: LobbyDataPatch;
};

export type Event =
  | {
      readonly kind: "host";
      readonly id: string;
      readonly wire: Wire;
      readonly name: string;
      readonly policy: Policy;
      readonly seats: number | null;
      readonly password_digest: string | null;
      readonly peer: string;
      readonly display_name?: string;
      readonly data?: Data;
      readonly memory: string | null;
      readonly local?: Endpoint;
      readonly source: Source | null;
      readonly settings?: Partial<Settings>;
      readonly code?: string;
      readonly client_ref?: string;
    }
  | {
      readonly kind: "join";
      readonly peer: string;
      readonly display_name?: string;
      readonly data?: Data;
      readonly password_digest: string | null;
      /** The join code, where he came with one. */
      readonly code?: string;
      /** The version of his game. */
      readonly version?: string;
      readonly memory: string | null;
      readonly local?: Endpoint;
      /** The sidecar vouches: same address, and the old endpoint has been silent for two pings. */
      readonly reclaims: boolean;
      /** Where joining introduces: only the asker is told, because his sidecar means to relay the two. */
      readonly silently?: boolean;
      readonly source: Source | null;
    }
  /** Where `source` is null, `peer` is who showed his token. */
  | { readonly kind: "leave"; readonly peer: string; readonly source: Source | null }
  /** `peer` is who has to go; `by` who says so, where that is not told by the source. */
  | {
      readonly kind: "kick";
      readonly peer: string;
      readonly source: Source | null;
      readonly by?: string;
      /** Whether he may come back; on wires without the choice he may not. */
      readonly ban?: boolean;
      /** Why, in the host's own words. */
      readonly detail?: string;
    }
  | { readonly kind: "start"; readonly source: Source }
  | { readonly kind: "confirm"; readonly peer: string; readonly source: Source }
  /** A renewal of a member whom the sidecar does not know. */
  | { readonly kind: "renew"; readonly peer: string; readonly source: Source }
  /** He proved to his sidecar that he is somewhere else; at another address only where the policy lets him roam. */
  | { readonly kind: "moved"; readonly peer: string; readonly source: Source }
  /** His sidecar has not heard him for a lease. */
  | { readonly kind: "lost"; readonly peer: string; readonly source: Source }
  /** His sidecar has heard him again; over HTTP: he gave a sign of life. */
  | { readonly kind: "heartbeat"; readonly peer: string; readonly source: Source | null }
  /** The hub has not heard him for too long. */
  | { readonly kind: "silent"; readonly peer: string }
  /** A sidecar is gone, or back with its memory. */
  | { readonly kind: "sidecar_away"; readonly sidecar: string }
  | { readonly kind: "sidecar_back"; readonly sidecar: string }
  /** The host changes his lobby, if it is still of a revision that he has seen; absent: whatever it is. */
  | { readonly kind: "patch"; readonly by: string; readonly changes: LobbyChanges; readonly expected?: readonly number[] }
  /** A host who speaks no HTTP shows what his wire notes about him, and says what lists are to show of his lobby. */
  | {
      readonly kind: "publish";
      readonly peer: string;
      readonly proof: string;
      readonly join_uri?: string;
      readonly changes: LobbyChanges;
    }
  /** A member tells something else about himself. */
  | {
      readonly kind: "update_member";
      readonly peer: string;
      readonly display_name?: string;
      readonly data?: DataPatch;
      readonly consent?: Consent;
      readonly addresses?: AddressPolicy;
    }
  /** The host ends it. `by` null: the house itself does. */
  | {
      readonly kind: "close";
      readonly by: string | null;
      readonly expected?: readonly number[];
      readonly reason?: Removal;
    }
  /** The host hands it on, or a member claims what its host left. */
  | { readonly kind: "transfer_host"; readonly by: string; readonly peer: string; readonly expected_term: number }
  | { readonly kind: "admit"; readonly by: string; readonly peer: string }
  /** The host turns an applicant away, or he withdraws himself. */
  | { readonly kind: "deny"; readonly by: string; readonly peer: string }
  /** To everybody, kept by nobody. */
  | { readonly kind: "chat"; readonly by: string; readonly text: string }
  /** To one other member, opaque. */
  | { readonly kind: "signal"; readonly by: string; readonly peer: string; readonly body: string }
  /** Time has passed. */
  | { readonly kind: "tick" };

export type IntroducedPeer = { readonly peer: string; readonly endpoint: Endpoint; readonly local?: Endpoint };

export type Notice =
  /** Your lobby stands, with these members in order of arrival, you first. */
  | { readonly kind: "hosted"; readonly peers: readonly string[] }
  /** These are the members now, in order of arrival, host first. */
  | { readonly kind: "roster"; readonly peers: readonly string[] }
  /**
   * Punch now: everybody's endpoint as observed, in order of arrival; you are among them. Where joining introduces,
   * only the other one.
   */
  | { readonly kind: "introduced"; readonly peers: readonly IntroducedPeer[] }
  | { readonly kind: "refused"; readonly code: RefusalCode }
  /** `detail`: why, in the words of the host who kicked him; told to those who watch. */
  | { readonly kind: "removed"; readonly reason: Removal; readonly detail?: string };

/** What only a member without a source hears: it takes a WebSocket to hear it. */
export type SocketMessage =
  | { readonly kind: "chat"; readonly from: string; readonly text: string }
  | { readonly kind: "signal"; readonly from: string; readonly body: string }
  /** To the host: somebody waits to be admitted. */
  | { readonly kind: "applied"; readonly peer: string }
  /** To an applicant who is no member yet, or never will be. */
  | { readonly kind: "admitted" }
  | { readonly kind: "denied" };

/** What somebody may hear who is no member. */
export type RequesterNotice = Extract<Notice, { kind: "refused" | "introduced" }>;

/** A notice for one member, or for whoever asked. */
export type AddressedNotice =
  | { readonly to: "member"; readonly peer: string; readonly source: Source; readonly notice: Notice }
  | { readonly to: "member"; readonly peer: string; readonly source: null; readonly notice: Notice | SocketMessage }
  | { readonly to: "requester"; readonly notice: RequesterNotice };

export type Transition = { readonly lobby: Lobby | null; readonly notices: readonly AddressedNotice[] };
