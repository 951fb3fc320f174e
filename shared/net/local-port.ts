/**
 * Doors: through which local port a datagram came, and whether in clear or sealed, that is under DTLS. One number says
 * both, so that whatever remembers where a member is answered remembers also how: what was said under DTLS is never
 * answered in clear, not even by a sidecar that has forgotten the session.
 */

/** A sealed door is its port's number and this. */
const SEAL = 65_536;

export const DOOR_MAX = 2 * SEAL - 1;

export const sealed = (port: number): number => port + SEAL;
export const isSealed = (via: number): boolean => via >= SEAL;
export const portOf = (via: number): number => via % SEAL;
