/** Limits of the HTTP API: tokens, rate limits, idempotency, administration. */

// --- Identity --------------------------------------------------------------------------------------------------
/** Lifetime of a peer token: longer than any session. The client creates a new peer afterwards. */
export const PEER_TOKEN_S = 30 * 24 * 3_600;
/** Lifetime of a UDP token. Short, because wires without DTLS send it unencrypted. */
export const UDP_TOKEN_S = 24 * 3_600;
/** `max-age` of the public keys. A rotated key stays published for as long as its proofs are valid. */
export const JWKS_MAX_AGE_S = 300;
/** The longest ticket. All parts at their maximum, with dots, take 190 characters. */
export const TICKET_LENGTH_MAX = 256;
/** The longest receipt: an IPv6 endpoint takes 36. */
export const RECEIPT_LENGTH_MAX = 78;
/** Keys valid at once: the signing key, and the previous one during rotation. */
export const TOKEN_KEYS_MAX = 2;
/** Shorter keys of sidecars and operators are refused: an attacker can try them over the network. */
export const KEY_LENGTH_MIN = 16;
/** Shorter keys are refused: an attacker that holds a token can try keys offline. */
export const TOKEN_KEY_LENGTH_MIN = 32;

/** Providers of one game, and the longest proof: a Steam ticket of 2,560 bytes in hexadecimal, a token of 4 KiB. */
export const IDENTITY_PROVIDERS_MAX = 8;
export const PROOF_LENGTH_MAX = 8_192;
/** A provider that has not answered by then is unavailable. */
export const PROVIDER_TIMEOUT_MS = 5_000;
/** How long the addresses of a provider's keys are kept. */
export const PROVIDER_CACHE_MS = 3_600_000;

// --- Rate limits -----------------------------------------------------------------------------------------------
/** Rate limits of one peer: refill per second, and burst. The setting RATE_LIMITS overrides them. */
export const RATE_LIMIT_BUDGETS = {
  /** New peers: a burst of 64 for a school class behind one NAT, then one every ten seconds. */
  peers: { per_s: 0.1, burst: 64 },
  /** A page of a list. Cached responses are not counted. */
  list: { per_s: 1, burst: 5 },
  /** One lobby, sidecars, statistics. */
  read: { per_s: 5, burst: 20 },
  create: { per_s: 1 / 3, burst: 2 },
  /** Joins of every kind. */
  join: { per_s: 1, burst: 3 },
  /** Changes of the lobby, of a member or of the host. */
  patch: { per_s: 1, burst: 5 },
  /** Writing or reading a host's snapshot: 64 KiB each. */
  snapshot: { per_s: 0.5, burst: 8 },
  chat: { per_s: 1, burst: 5 },
  /** Offer, answer and candidates to every member of a lobby of eight, then trickle ICE. */
  signal: { per_s: 10, burst: 128 },
  /** Connections: request or accept, and outcome, with every member of a lobby of 64. */
  connect: { per_s: 4, burst: 128 },
  /** Heartbeats come every ten seconds. */
  beat: { per_s: 0.5, burst: 5 },
  /** Wrong join codes: 10 a minute against 32^6. */
  code: { per_s: 1 / 6, burst: 10 },
  /** Reports of members. */
  report: { per_s: 1 / 60, burst: 5 },
  /** Wrong keys of operators, of one source. */
  key: { per_s: 1 / 6, burst: 10 },
  /** Wrong keys of sidecars, of one source: several sidecars that each try 64 shards every few seconds. */
  link: { per_s: 16, burst: 256 },
  /** Games that nobody has hosted before, of one source, where any game is served. */
  game: { per_s: 1 / 600, burst: 8 },
} as const;
/** `Retry-After` of a source that tried too many codes or keys: both buckets refill one token in six seconds. */
export const CODE_RETRY_AFTER_S = 6;
/** Subjects per rate limit table; when it is full, new ones share one bucket. Three tables a class, 100 bytes each. */
export const RATE_LIMIT_SUBJECTS_MAX = 8_192;
/** Peers behind one address (a school) share a bucket that is larger by this factor. */
export const SHARED_SOURCE_FACTOR = 16;

// --- Idempotency -----------------------------------------------------------------------------------------------
/** How long the response of a request with an idempotency key is kept. */
export const IDEMPOTENCY_KEPT_MS = 600_000;
/** Kept responses of one hub, and of one peer: a row each, up to 16 KiB. The oldest of the network with the most is dropped. */
export const IDEMPOTENT_RESPONSES_MAX = 10_000;
export const IDEMPOTENT_RESPONSES_PER_PEER_MAX = 64;

// --- Reports ---------------------------------------------------------------------------------------------------
/** The message of a report, in UTF-16 units. */
export const REPORT_MESSAGE_LENGTH_MAX = 1_024;
/** Reports of one hub that wait for the webhook, a row of 3 kB each; more are refused. */
export const REPORTS_QUEUED_MAX = 1_000;
/** Attempts per report: the last one is made about 11 hours after the first. */
export const REPORT_TRIES_MAX = 14;
/** The wait after the first failed attempt; it doubles, up to two hours. */
export const REPORT_RETRY_MS = 5_000;
export const REPORT_RETRY_MS_MAX = 7_200_000;
/** A webhook that has not answered by then has failed. */
export const REPORT_TIMEOUT_MS = 10_000;

// --- Admin -----------------------------------------------------------------------------------------------------
/** Bans of one game; every hub holds all of them. */
export const BANS_MAX = 10_000;
/** Entries of a game's audit trail; the oldest is dropped first. Each is a row of up to 3 kB. */
export const AUDIT_ENTRIES_MAX = 1_000;
/** What an entry keeps of a request's body, in UTF-16 units: any ban. */
export const AUDIT_BODY_LENGTH_MAX = 1_024;
/** An announcement, in UTF-16 units: with its keyword it fits the 488 bytes that Godot reads from a DTLS record. */
export const ANNOUNCEMENT_LENGTH_MAX = 150;
/** Announcements of a game, refill per second and burst: an error corrected at once, and then one a minute. */
export const ANNOUNCEMENTS_PER_S = 1 / 60;
export const ANNOUNCEMENTS_BURST = 3;
/** The reason of a ban, in UTF-16 units. */
export const REASON_LENGTH_MAX = 256;
/** The longest prefix: an IPv6 address and its length, `2001:db8:...:ffff/128`. */
export const PREFIX_LENGTH_MAX = 49;
