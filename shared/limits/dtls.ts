/** Limits of DTLS sessions and handshakes. */

/** OpenSSL's security level and clients refuse shorter RSA keys. */
export const RSA_BITS_MIN = 2_048;
/** The length of OpenSSL's own cookies. With it the reply to a ClientHello is always shorter than the ClientHello. */
export const DTLS_COOKIE_BYTES = 20;
/** A cookie is valid for one to two of these: longer than any client waits between two ClientHellos. */
export const DTLS_COOKIE_MS = 60_000;
/** The longest datagram of a handshake: every path carries it unfragmented (RFC 8200: 1,280 minus headers). */
export const DTLS_MTU_BYTES = 1_232;
/** Sessions with handshakes: 65 KB each, half a gigabyte in all. */
export const DTLS_SESSIONS_MAX = 8_192;
/** Concurrent handshakes, each of a client that proved its address by cookie. */
export const DTLS_HANDSHAKES_MAX = 1_024;
/** Sessions and handshakes of one source: a school, or players behind one carrier's NAT. */
export const DTLS_PER_SOURCE_MAX = 256;
/** Handshakes that one source may start: each costs half a millisecond of a core. */
export const DTLS_HANDSHAKE_PER_S = 32;
export const DTLS_HANDSHAKE_BURST = 256;
/** Timeout of a handshake; Godot's clients give up sooner. */
export const DTLS_HANDSHAKE_S = 10;
/**
 * Encrypted records that a handshake accepts before it is complete: OpenSSL buffers 17 KB for each until it can decrypt
 * it. An honest client sends one, with a few retransmissions.
 */
export const DTLS_EARLY_RECORDS_MAX = 8;
/** Longest client certificate chain in bytes. None is requested, but OpenSSL reserves the announced length. */
export const DTLS_CLIENT_CHAIN_BYTES_MAX = 1_024;
/** A session is closed after this silence: eight keepalives of a careful client. */
export const DTLS_IDLE_S = 120;
/** A certificate that expires sooner is logged as a warning: two weeks are enough to renew it. */
export const CERTIFICATE_WARNING_MS = 14 * 24 * 3_600_000;
/** How often handshakes are checked for retransmissions; OpenSSL's first is after a second. */
export const DTLS_RETRANSMIT_CHECK_MS = 200;
/** Lifetime of a claim for a game's own socket: time for a few retransmissions. */
export const DTLS_CLAIM_MS = 30_000;
/** Random bytes of a claim. */
export const DTLS_CLAIM_BYTES = 16;
/** An endpoint can be claimed from a session after this silence: three pings of a careful client. */
export const DTLS_CLAIM_QUIET_MS = 30_000;
