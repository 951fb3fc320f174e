/** Options of a Dowsett peer: the constants of the original script's documentation. */

export type DowsettOptions = {
  /** Seconds between two checks of a peer. They also keep the NAT mapping. Default 15. */
  readonly secsBetweenPeerChecks?: number;
  /** Lifetime of a registration at the handshake server, in seconds. Default 60. */
  readonly secsRegValid?: number;
  /** Seconds between two refreshes of the registration. Default 15. */
  readonly secsBetweenRegRefresh?: number;
  /** Seconds without a reply before a packet is resent. Default 1. */
  readonly secsToAwaitReply?: number;
  /** Attempts to send a packet before it expires. Default 5. */
  readonly attemptsBeforeExpiration?: number;
};

export type Settings = {
  readonly peer_check_ms: number;
  readonly registration_s: number;
  readonly refresh_ms: number;
  readonly await_ms: number;
  readonly attempts_max: number;
};

/** Throws a RangeError that names the option. */
export function settingsOf(options: DowsettOptions): Settings {
  return {
    peer_check_ms: seconds("secsBetweenPeerChecks", options.secsBetweenPeerChecks ?? 15) * 1_000,
    registration_s: seconds("secsRegValid", options.secsRegValid ?? 60),
    refresh_ms: seconds("secsBetweenRegRefresh", options.secsBetweenRegRefresh ?? 15) * 1_000,
    await_ms: seconds("secsToAwaitReply", options.secsToAwaitReply ?? 1) * 1_000,
    attempts_max: attempts(options.attemptsBeforeExpiration ?? 5),
  };
}

/** Below the minimum a peer would only resend; above the maximum Node's timers overflow. */
const SECONDS_MIN = 0.01;
const SECONDS_MAX = 86_400;
const ATTEMPTS_MAX = 100;

function seconds(name: string, value: number): number {
  if (value >= SECONDS_MIN && value <= SECONDS_MAX) return value;
  throw new RangeError(`${name} must be ${SECONDS_MIN} to ${SECONDS_MAX} seconds, not ${value}`);
}

function attempts(value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= ATTEMPTS_MAX) return value;
  throw new RangeError(`attemptsBeforeExpiration must be a whole number from 1 to ${ATTEMPTS_MAX}, not ${value}`);
}
