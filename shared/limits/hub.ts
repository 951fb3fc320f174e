/** Limits of one hub: its lobbies, lists and event subscribers. */

// --- Hub -------------------------------------------------------------------------------------------------------
/** Shards of one game. One hub serves about 5,000 concurrent players with ample headroom. */
export const SHARDS_MAX = 64;
/** Registered games of a deployment that serves any game: an empty hub takes 5 kB on disk. */
export const GAMES_MAX = 10_000;
/** Games of one request for metrics. */
export const METRICS_GAMES_MAX = 32;
/** Lobbies of one hub; further ones are refused. Each takes one row and 20 bytes of index. */
export const LOBBIES_PER_HUB_MAX = 50_000;
/** Lobbies of the wires whose members are identified by a source address. The rest is kept for HTTP. */
export const WIRE_LOBBIES_PER_HUB_MAX = 35_000;
/** Sidecars of one hub; the one that was down for longest is dropped first. */
export const SIDECARS_PER_HUB_MAX = 256;
/** `/readyz` writes a row at most this often; an alarm that a full disk stopped is repeated after this. */
export const STORAGE_CHECK_MS = 5_000;
/** The alarm is moved only if it becomes due earlier by more than this: each move writes a row. */
export const ALARM_SLACK_MS = 1_000;
/** Lobbies per page of a list: default and maximum. */
export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 100;
/** Keys of custom data, which appear in URLs as filters. They begin with a letter, so `__proto__` is none. */
export const DATA_KEY_PATTERN = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
/** A list query: predicates (each is evaluated for every lobby), values of one, their length, and `near` keys. */
export const PREDICATES_MAX = 8;
export const OPERANDS_MAX = 16;
export const OPERAND_LENGTH_MAX = 128;
export const NEAR_MAX = 2;
/** Fields that a list is ordered by. */
export const ORDER_KEYS_MAX = 3;
/** A cursor holds the sort key of one lobby: five texts of 128 units, up to five characters each. */
export const CURSOR_LENGTH_MAX = 4_096;
/** Sorted indexes of one hub: each costs a pointer per lobby and two searches per change. */
export const SORTED_INDEXES_MAX = 8;
/** Fields whose values a hub indexes, and predicates whose matches it keeps: each costs an evaluation per change. A value
 * or predicate with more lobbies than the last is not selective: a scan finds a page as soon. */
export const FIELD_INDEXES_MAX = 8;
export const MATCH_SETS_MAX = 64;
export const MATCHES_PER_SET_MAX = 512;
/** How long a response to an anonymous read of a list or lobby is fresh: a new lobby is in a watched list after a second ... */
export const READ_FRESH_MS = 1_000;
/** ... and how long it is used while a newer one is requested. None is ever older. */
export const READ_STALE_MS = 2_000;
/** Such responses in a Worker's memory: how many, and the bytes of all bodies. */
export const READ_ENTRIES_MAX = 512;
export const READ_BYTES_MAX = 8_388_608;
/** Games whose last change an isolate remembers; beyond it all kept responses are made again. */
export const GAME_CHANGES_KEPT_MAX = 4_096;
/** `max-age` and `stale-while-revalidate` of a list and of a lobby, for the caches of clients. */
export const LIST_MAX_AGE_S = 2;
export const LIST_STALE_S = 8;
/** `max-age` of the sidecar list, which changes with deployments, and of the statistics. */
export const SIDECARS_MAX_AGE_S = 30;
export const STATS_MAX_AGE_S = 10;
/** Rendered pages that a hub caches until its next change. */
export const PAGES_MEMOISED_MAX = 64;

// --- Events ----------------------------------------------------------------------------------------------------
/** The longest client message: a signal of 8 KiB with every character escaped. */
export const SUBSCRIBER_MESSAGE_LENGTH_MAX = 65_536;
/** Messages of one socket, refill per second and burst: resubscribing to every topic after a drop, then chat. */
export const SUBSCRIBER_MESSAGES_PER_S = 10;
export const SUBSCRIBER_MESSAGES_BURST = 40;
/** Signals of one socket, which count apart: eight times their rate limit, beyond which they are refused one by one. */
export const SUBSCRIBER_SIGNALS_PER_S = 80;
export const SUBSCRIBER_SIGNALS_BURST = 1_024;
/** Sockets of one hub (the platform accepts 32,768) and of one source (a school behind one address). With unread data
 * they use up to half of the platform's 128 MB. */
export const SUBSCRIBERS_MAX = 16_384;
export const SUBSCRIBERS_PER_SOURCE_MAX = 128;
/** Sockets of one source that have not sent hello. Clients send it at once. When a hub is full, the oldest is closed. */
export const SUBSCRIBERS_UNGREETED_PER_SOURCE_MAX = 32;
/** A socket that has not sent hello by then is closed. */
export const HELLO_MS = 10_000;
/** Lobby topics of one socket: its hibernation attachment must stay below 16 KiB. */
export const TOPICS_PER_SUBSCRIBER_MAX = 16;
/** The filter of a list, as JSON text, for the same reason. */
export const FILTER_LENGTH_MAX = 2_048;
/** At most one list update per lobby and interval: the first is sent at once, later ones are merged. */
export const COALESCE_MS = 1_000;
/** The snapshot of a list subscription, in lobbies and in characters; clients page through the rest over HTTP. */
export const SNAPSHOT_LOBBIES_MAX = 500;
export const SNAPSHOT_LENGTH_MAX = 262_144;
/** Lobbies of other shards that shard 0 holds for lists: 15 MB of the platform's 128. With more, every shard is asked. */
export const SHARD_FEED_SUMMARIES_MAX = 50_000;
/** How long after a list request the first hub keeps the lines of the others; and how often it fetches all of them again. */
export const DIRECTORY_KEPT_MS = 60_000;
export const DIRECTORY_RELOAD_MS = 60_000;
/** How long the events of a topic without subscribers are kept for reconnects. */
export const REPLAY_KEPT_MS = 60_000;
/** Events kept for reconnects, and their length in characters of JSON. */
export const REPLAY_ITEMS_MAX = 1_024;
export const REPLAY_LENGTH_MAX = 1_048_576;
/** Clients ping this often ... */
export const SUBSCRIBER_PING_S = 10;
/** ... and are closed after this silence: three pings. Checked at the same interval, one row each time. */
export const SUBSCRIBER_SILENCE_MS = 30_000;
/** Characters sent to a socket and not yet confirmed by its pings. One message more is sent, then it is closed. */
export const UNCONFIRMED_LENGTH_MAX = 524_288;

// --- The front of a hub in plain workerd -----------------------------------------------------------------------
/** Time for the headers of a request, and for all of it. */
export const FRONT_HEADERS_MS = 10_000;
export const FRONT_REQUEST_MS = 30_000;
/** Time for a message, from its first byte to its last: 20 KB/s for the longest one. */
export const FRONT_MESSAGE_MS = 10_000;
/** A socket without a message is closed after this, if the hub did not close it before. */
export const FRONT_SILENCE_MS = 90_000;
