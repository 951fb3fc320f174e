/** Limits of the link between sidecar and hub. */

/** A batch is one transaction in the hub: 100 rows are written 36 times faster together than one by one. */
export const BATCH_REPORTS_MAX = 100;
/** The longest frame that either side decodes, in characters. */
export const LINK_FRAME_LENGTH_MAX = 1_048_576;
/** Characters of a frame outside its list. */
export const FRAME_HEAD_LENGTH_MAX = 256;
/** Items of a frame's list: a member with short names takes 200 characters. */
export const FRAME_ITEMS_MAX = 5_000;
/** Reports a sidecar holds for a hub it cannot reach, per link. */
export const OUTBOX_REPORTS_MAX = 10_000;
/** Queued reports above which queries for unknown sources are dropped; queries are also the first to be evicted. */
export const OUTBOX_QUESTIONS_MAX = 1_000;
/** A request that waited this long is dropped: the client has retried or given up. */
export const REPORT_STALE_MS = 1_000;
/** Unacknowledged batches: one that the hub stores, and one queued behind it. */
export const BATCHES_IN_FLIGHT_MAX = 2;
/** Application ping of the link: shorter than the idle time-out of common proxies (60 s). */
export const LINK_PING_MS = 20_000;
/** Either side closes a link that was silent for this long: three pings. */
export const LINK_SILENCE_MS = 60_000;
/** A batch that was not acknowledged for this long is resent. */
export const LINK_RESEND_MS = 5_000;
/** PEM of a sidecar's certificate chain, in characters: four RSA-4096 certificates take 9,000. */
export const CERTIFICATE_LENGTH_MAX = 16_384;
/** Addresses of the other sidecars: 256 sidecars of 32 addresses. */
export const OTHER_SIDECAR_ADDRESSES_MAX = 8_192;
/** A URL in a response. */
export const URL_LENGTH_MAX = 256;
/** Reconnect: full jitter between these two, doubling. */
export const BACKOFF_MIN_MS = 250;
export const BACKOFF_MAX_MS = 10_000;
/** A sidecar whose name is in use by another process waits this long, and up to twice as long. */
export const TWIN_WAIT_MS = 30_000;
/** A link that pinged within this time is alive: one ping and a delay. */
export const LINK_ALIVE_MS = 30_000;
/** Timeout of a connection attempt. */
export const LINK_OPEN_MS = 10_000;
/** A sidecar's members are marked away after its link was down for this long. */
export const SIDECAR_GRACE_MS = 10_000;
/** Members of a sidecar that stays down are dropped after this; every client gives up within 15 s. */
export const AWAY_MS = 60_000;
/** Lobbies whose hub a sidecar remembers while the number of shards changes. */
export const LOBBY_PLACES_MAX = 65_536;
