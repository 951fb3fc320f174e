/** The types of the HTTP API. Generated from docs/openapi.json by `npm run openapi`; do not edit. */

export type NewLobby = {
  readonly name: string;
  readonly seats: number;
  readonly visibility?: "public" | "unlisted" | "private";
  readonly password?: string;
  readonly version?: string;
  readonly joinable?: boolean;
  readonly approval?: boolean;
  readonly host_policy?: "automatic" | "manual" | "close";
  readonly host_grace_s?: number;
  readonly member_grace_s?: number;
  readonly successors?: readonly string[];
  readonly consent?: "automatic" | "ask" | "ticket";
  readonly relay?: "auto" | "always" | "never";
  readonly data?: { readonly [key: string]: string | number | boolean };
  readonly data_rules?: { readonly [key: string]: {
    readonly visibility?: "public" | "member" | "private";
    readonly index?: boolean;
  } };
  readonly client_ref?: string;
  readonly member_name?: string;
  readonly member_data?: { readonly [key: string]: string | number | boolean };
  readonly paths?: readonly ("udp" | "webrtc")[];
};

export type Publishing = {
  readonly name: string;
  readonly seats?: number;
  readonly visibility?: "public" | "unlisted";
  readonly version?: string;
  readonly state?: "open" | "in_game";
  readonly joinable?: boolean;
  readonly data?: { readonly [key: string]: string | number | boolean };
  readonly data_rules?: { readonly [key: string]: {
    readonly visibility?: "public" | "member" | "private";
    readonly index?: boolean;
  } };
};

export type LobbyPatch = {
  readonly name?: string;
  readonly seats?: number;
  readonly visibility?: "public" | "unlisted" | "private";
  readonly password?: string | null;
  readonly version?: string | null;
  readonly state?: "open" | "in_game";
  readonly joinable?: boolean;
  readonly approval?: boolean;
  readonly host_policy?: "automatic" | "manual" | "close";
  readonly host_grace_s?: number;
  readonly member_grace_s?: number;
  readonly successors?: readonly string[];
  readonly consent?: "automatic" | "ask" | "ticket";
  readonly relay?: "auto" | "always" | "never";
  readonly data?: { readonly [key: string]: string | number | boolean | null };
  readonly data_rules?: { readonly [key: string]: {
    readonly visibility?: "public" | "member" | "private";
    readonly index?: boolean;
  } | null };
};

export type Joining = {
  readonly password?: string;
  readonly code?: string;
  readonly version?: string;
  readonly member_name?: string;
  readonly member_data?: { readonly [key: string]: string | number | boolean };
  readonly paths?: readonly ("udp" | "webrtc")[];
};

export type JoiningByCode = {
  readonly password?: string;
  readonly code: string;
  readonly version?: string;
  readonly member_name?: string;
  readonly member_data?: { readonly [key: string]: string | number | boolean };
  readonly paths?: readonly ("udp" | "webrtc")[];
};

export type QuickJoining = {
  readonly version?: string;
  readonly member_name?: string;
  readonly member_data?: { readonly [key: string]: string | number | boolean };
  readonly paths?: readonly ("udp" | "webrtc")[];
  readonly filter?: { readonly [key: string]: string };
  readonly create_if_none?: NewLobby;
};

export type MemberPatch = {
  readonly name?: string;
  readonly data?: { readonly [key: string]: string | number | boolean | null };
  readonly consent?: "automatic" | "ask" | "ticket";
  readonly relay?: "auto" | "always" | "never";
};

export type HostTransfer = {
  readonly peer_id: string;
  readonly expected_term: number;
};

export type Removal = {
  readonly peer_id: string;
  readonly message?: string;
};

export type ChatLine = {
  readonly text: string;
};

export type Signal = {
  readonly to: string;
  readonly body: string;
};

export type Lobby = {
  readonly id: string;
  readonly name: string;
  readonly name_mixes_alphabets?: boolean;
  readonly wire: "native" | "rabid" | "dowsett" | "noray" | "nohub";
  readonly state: "open" | "in_game";
  readonly member_count: number;
  readonly seats: number | null;
  readonly has_password: boolean;
  readonly joinable: boolean;
  readonly approval: boolean;
  readonly reachability: "udp" | "relay" | "web" | null;
  readonly paths?: readonly ("udp" | "webrtc")[];
  readonly version: string | null;
  readonly data: { readonly [key: string]: string | number | boolean };
  readonly join: {
    readonly wire: "native" | "rabid" | "dowsett" | "noray" | "nohub";
    readonly session?: string;
    readonly uri?: string;
    readonly code?: string;
  };
  readonly created_at: string;
  readonly updated_at: string;
  readonly revision: number;
  readonly visibility: "public" | "unlisted" | "private";
  readonly host_policy: "automatic" | "manual" | "close";
  readonly host_grace_s: number;
  readonly member_grace_s: number;
  readonly successors?: readonly string[];
  readonly seat_expires_at?: string;
  readonly consent: "automatic" | "ask" | "ticket";
  readonly relay: "auto" | "always" | "never";
  readonly host: string | null;
  readonly term: number;
  readonly members: readonly Member[];
  readonly data_rules?: { readonly [key: string]: {
    readonly visibility: "public" | "member" | "private";
    readonly index: boolean;
  } };
  readonly applicants?: readonly Applicant[];
};

export type Summary = {
  readonly id: string;
  readonly name: string;
  readonly name_mixes_alphabets?: boolean;
  readonly wire: "native" | "rabid" | "dowsett" | "noray" | "nohub";
  readonly state: "open" | "in_game";
  readonly member_count: number;
  readonly seats: number | null;
  readonly has_password: boolean;
  readonly joinable: boolean;
  readonly approval: boolean;
  readonly reachability: "udp" | "relay" | "web" | null;
  readonly paths?: readonly ("udp" | "webrtc")[];
  readonly version: string | null;
  readonly data: { readonly [key: string]: string | number | boolean };
  readonly join: {
    readonly wire: "native" | "rabid" | "dowsett" | "noray" | "nohub";
    readonly session?: string;
    readonly uri?: string;
    readonly code?: string;
  };
  readonly created_at: string;
  readonly updated_at: string;
  readonly revision: number;
};

export type Page = {
  readonly lobbies: readonly Summary[];
  readonly next_cursor: string | null;
  readonly count?: number;
};

export type Member = {
  readonly peer_id: string | null;
  readonly name: string;
  readonly host: boolean;
  readonly state: "present" | "held" | "away";
  readonly joined_at: string;
  readonly paths?: readonly ("udp" | "webrtc")[];
  readonly data?: { readonly [key: string]: string | number | boolean };
  readonly consent?: "automatic" | "ask" | "ticket";
  readonly relay?: "auto" | "always" | "never";
};

export type Applicant = {
  readonly peer_id: string;
  readonly name: string;
  readonly data?: { readonly [key: string]: string | number | boolean };
  readonly applied_at: string;
  readonly near_ban?: boolean;
};

export type MemberList = {
  readonly members: readonly Member[];
};

export type ApplicantList = {
  readonly applicants: readonly Applicant[];
};

export type Application = {
  readonly status: "pending" | "admitted" | "denied";
  readonly lobby_id: string;
  readonly peer_id: string;
  readonly expires_at?: string;
};

export type NatTypes = {
  readonly ipv4: {
    readonly type: "none" | "blocked" | "unknown" | "cone" | "full_cone" | "address_restricted" | "port_restricted" | "sequential" | "random";
    readonly message: string;
    readonly mapping: "independent" | "per_address" | "per_port" | null;
    readonly filtering: "independent" | "address" | "port" | null;
    readonly port_allocation: "preserving" | "sequential" | "random" | null;
  } | null;
  readonly ipv6: {
    readonly type: "none" | "blocked" | "unknown" | "cone" | "full_cone" | "address_restricted" | "port_restricted" | "sequential" | "random";
    readonly message: string;
    readonly mapping: "independent" | "per_address" | "per_port" | null;
    readonly filtering: "independent" | "address" | "port" | null;
    readonly port_allocation: "preserving" | "sequential" | "random" | null;
  } | null;
};

export type Joined = {
  readonly status: "joined";
  readonly lobby: Lobby;
  readonly member: Member;
  readonly heartbeat_s: number;
  readonly session_ticket?: string;
  readonly membership_proof?: string;
};

export type Pending = {
  readonly status: "pending";
  readonly lobby_id: string;
  readonly expires_at: string;
};

export type Connecting = {
  readonly peer_id: string;
  readonly reach?: Reach;
  readonly ticket?: string;
  readonly with_relay?: boolean;
};

export type Accepting = {
  readonly reach?: Reach;
};

export type Reach = {
  readonly looks: readonly {
    readonly socket: number;
    readonly local_port: number;
    readonly via: {
      readonly address: string;
      readonly port: number;
    };
    readonly at_ms: number;
    readonly receipt: string;
  }[];
  readonly local_endpoints: readonly {
    readonly address: string;
    readonly port: number;
  }[];
  readonly filtering?: "independent" | "address" | "port";
  readonly hairpin?: boolean;
  readonly remaps?: boolean;
  readonly now_ms: number;
  readonly rtt_ms: number;
  readonly web?: boolean;
  readonly birthday?: boolean;
  readonly attempt?: number;
  readonly epoch?: number;
};

export type Connection = {
  readonly connection_id: string;
  readonly lobby_id: string;
  readonly peer_id: string;
  readonly asked: boolean;
  readonly consent: "automatic" | "ask" | "ticket";
  readonly state: "waiting" | "gathering" | "introduced" | "over";
  readonly wants_reach: boolean;
  readonly expires_in_ms: number;
  readonly punch?: {
    readonly verdict: "direct" | "predict" | "birthday" | "relay";
    readonly message: string;
    readonly nat_pair: string;
    readonly pair_key: {
      readonly key: string;
      readonly epoch: number;
      readonly role: "a" | "b";
    };
    readonly start_in_ms: number;
    readonly relay_after_ms: number;
    readonly plan: {
      readonly targets: readonly {
        readonly kind: "host" | "reflexive" | "predicted";
        readonly address: string;
        readonly port: number;
      }[];
      readonly sockets: number;
      readonly spray: {
        readonly address: string;
        readonly first_port: number;
        readonly step: number;
        readonly ports: number;
        readonly order: "in_a_row" | "shuffled";
        readonly probes: number;
        readonly after_ms: number;
      } | null;
      readonly per_s: number;
      readonly nominates: boolean;
      readonly same_network: boolean;
      readonly first_hops: number | null;
      readonly give_up_ms: number;
    };
    readonly local_port?: number;
  };
  readonly webrtc?: {
    readonly verdict: "direct" | "predict" | "birthday" | "relay";
    readonly message: string;
    readonly nat_pair: string;
    readonly pair_key: {
      readonly key: string;
      readonly epoch: number;
      readonly role: "a" | "b";
    };
    readonly relay: "auto" | "always" | "never";
  };
  readonly relay?: {
    readonly relay: Relay;
    readonly verdict?: "direct" | "predict" | "birthday" | "relay";
    readonly message?: string;
    readonly nat_pair?: string;
    readonly pair_key?: {
      readonly key: string;
      readonly epoch: number;
      readonly role: "a" | "b";
    };
  };
  readonly failure?: {
    readonly reason: "remote_timeout" | "remote_denied" | "remote_withdrew" | "remote_left" | "misc_nat_firewall" | "misc_no_common_path" | "misc_relay_exhausted" | "misc_relay_unavailable";
    readonly code: number;
    readonly state: "waiting" | "gathering" | "introduced" | "over";
    readonly message: string;
  };
  readonly timeline: readonly {
    readonly event: "asked" | "accepted" | "looked" | "introduced" | "relayed" | "outcome" | "failed";
    readonly at: string;
    readonly by: string | null;
    readonly detail?: string;
  }[];
};

export type ConnectionList = {
  readonly connections: readonly Connection[];
};

export type Invitation = {
  readonly ticket: string;
  readonly expires_at: string;
};

export type Relay = {
  readonly address: string;
  readonly port: number;
  readonly ticket: string;
  readonly expires_at: string;
  readonly budget_bytes: number;
  readonly tunnel?: string;
};

export type Relaying = {
  readonly connection_id: string;
  readonly lost?: {
    readonly address: string;
    readonly port: number;
  };
};

export type Outcome = {
  readonly path: "direct" | "relay" | "tunnel" | "none";
  readonly elapsed_ms?: number;
  readonly first_path_ms?: number;
  readonly family?: "ipv4" | "ipv6";
  readonly rtt_ms?: number;
  readonly message?: string;
};

export type Me = {
  readonly peer_id: string;
  readonly expires_at: string;
  readonly seats: readonly OwnSeat[];
  readonly ban: {
    readonly message?: string;
    readonly expires_at: string | null;
  } | null;
  readonly limits: {
    readonly lobbies_hosted_max: number;
    readonly seats_max: number;
  };
};

export type NewPeer = {
  readonly proof?: {
    readonly provider: string;
    readonly token: string;
  };
};

export type OwnSeat = {
  readonly lobby_id: string;
  readonly name: string;
  readonly host: boolean;
  readonly state: "present" | "held" | "away";
  readonly seat_expires_at?: string;
};

export type Tokens = {
  readonly peer_id: string;
  readonly peer_token: string;
  readonly udp_token: string;
  readonly expires_at: string;
};

export type Keys = {
  readonly keys: readonly {
    readonly kty: "OKP";
    readonly crv: "Ed25519";
    readonly x: string;
    readonly kid: string;
    readonly alg: "EdDSA";
    readonly use: "sig";
  }[];
};

export type LobbyBan = {
  readonly peer_id: string | null;
  readonly name: string;
  readonly message?: string;
  readonly banned_at: string;
  readonly network_until: string | null;
};

export type LobbyBanList = {
  readonly bans: readonly LobbyBan[];
};

export type Snapshot = {
  readonly revision: number;
  readonly term: number;
  readonly size: number;
  readonly readers: "members" | "host";
  readonly updated_at: string;
};

export type NewReport = {
  readonly peer_id: string;
  readonly category: "abuse" | "cheating" | "name" | "spam" | "other";
  readonly message?: string;
};

export type Report = {
  readonly type: "player.reported";
  readonly report_id: string;
  readonly at: string;
  readonly game: string;
  readonly lobby_id: string;
  readonly lobby_name: string;
  readonly reporter_id: string;
  readonly peer_id: string;
  readonly category: "abuse" | "cheating" | "name" | "spam" | "other";
  readonly message?: string;
  readonly peer_name: string;
};

export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly retry_after_s?: number;
  readonly request_id?: string;
  readonly errors?: readonly {
    readonly pointer: string;
    readonly message: string;
  }[];
};

export type Identity = {
  readonly peer_id: string;
  readonly peer_token: string;
  readonly udp_token: string;
  readonly expires_at: string;
  readonly sidecars: readonly Sidecar[];
};

export type Sidecar = {
  readonly id: string;
  readonly region: string;
  readonly v4: readonly string[];
  readonly v6: readonly string[];
  readonly ports: readonly {
    readonly port: number;
    readonly wires: readonly ("native" | "rabid" | "dowsett" | "noray" | "nohub")[];
  }[];
  readonly software?: string;
  readonly clock_skew_s?: number;
  readonly noray?: number;
  readonly relay?: {
    readonly addresses: readonly string[];
    readonly pairs: number;
  };
  readonly tunnel?: string;
  readonly dtls?: {
    readonly name: string;
    readonly fingerprint: string;
    readonly pem: string;
    readonly required: boolean;
  };
};

export type SidecarList = {
  readonly sidecars: readonly Sidecar[];
};

export type IceServers = {
  readonly ice_servers: readonly {
    readonly urls: readonly string[];
    readonly username?: string;
    readonly credential?: string;
  }[];
  readonly expires_at: string;
  readonly lifetime_s: number;
};

export type GameList = {
  readonly any: boolean;
  readonly games: readonly {
    readonly name: string;
    readonly identity_providers: readonly string[];
    readonly identity_required: boolean;
  }[];
};

export type Stats = {
  readonly lobbies: readonly {
    readonly wire: "native" | "rabid" | "dowsett" | "noray" | "nohub";
    readonly state: "open" | "in_game";
    readonly count: number;
  }[];
  readonly member_count: number;
  readonly peer_count: number;
  readonly sidecar_count: number;
  readonly connections: readonly {
    readonly nat_pair: string;
    readonly introductions: number;
    readonly tries: number;
    readonly direct: number;
    readonly first_path: {
      readonly count: number;
      readonly p50_ms: number | null;
      readonly p95_ms: number | null;
    };
    readonly direct_path: {
      readonly count: number;
      readonly p50_ms: number | null;
      readonly p95_ms: number | null;
    };
  }[];
};

export type AdminPage = {
  readonly lobbies: readonly {
    readonly id: string;
    readonly name: string;
    readonly wire: "native" | "rabid" | "dowsett" | "noray" | "nohub";
    readonly visibility: "public" | "unlisted" | "private";
    readonly state: "open" | "in_game";
    readonly seats: number | null;
    readonly members: readonly {
      readonly peer_id: string | null;
      readonly name: string;
      readonly host: boolean;
    }[];
    readonly created_at: string;
  }[];
  readonly next_cursor: string | null;
};

export type Ban = {
  readonly id: string;
  readonly ip_prefix: string | null;
  readonly peer_id: string | null;
  readonly created_at: string;
  readonly message: string;
  readonly message_hidden: boolean;
  readonly moderator: string;
  readonly expires_at: string | null;
};

export type BanList = {
  readonly bans: readonly Ban[];
};

export type NewBan = {
  readonly ip_prefix?: string;
  readonly peer_id?: string;
  readonly member?: {
    readonly lobby_id: string;
    readonly name: string;
  };
  readonly message: string;
  readonly moderator: string;
  readonly message_hidden?: boolean;
  readonly expires_at?: string | null;
};

export type Drain = {
  readonly draining: boolean;
};

export type AuditPage = {
  readonly entries: readonly {
    readonly id: string;
    readonly at: string;
    readonly operator: string;
    readonly role: "read" | "moderate" | "own";
    readonly operation: string;
    readonly path: string;
    readonly body: string;
    readonly status: number;
  }[];
  readonly next_cursor: string | null;
};

export type RelaySettings = {
  readonly enabled: boolean;
  readonly day_bytes_max: number | null;
};

export type NewAnnouncement = {
  readonly text: string;
};

export type Announced = {
  readonly announcement_id: string;
  readonly subscriber_count: number;
  readonly sidecar_count: number;
};
