/**
 * The sidecar's local port of a datagram, and whether the datagram came under DTLS. Both travel as one number, `via`,
 * in link frames and in stored rows: port, or port + 65,536 under DTLS. So a member that spoke DTLS is never answered in
 * plaintext, not even by a sidecar that lost the session.
 */

export type LocalPort = { readonly port: number; readonly dtls: boolean };

const DTLS_OFFSET = 65_536;

/** The largest `via`. */
export const VIA_MAX = 2 * DTLS_OFFSET - 1;

export const encodeLocalPort = ({ port, dtls }: LocalPort): number => (dtls ? port + DTLS_OFFSET : port);

export const decodeLocalPort = (via: number): LocalPort => ({ port: via % DTLS_OFFSET, dtls: isDtls(via) });

export const isDtls = (via: number): boolean => via >= DTLS_OFFSET;
