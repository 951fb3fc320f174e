/**
 * Why a connection between two members failed. The reason is the stable contract; codes follow Steam's classes
 * (ESteamNetConnectionEnd): 3xxx the local side, 4xxx the remote side, 5xxx neither.
 */
type Row = { readonly code: number; readonly message: string };

export const FAILURES = {
  remote_timeout: { code: 4_001, message: "The peer did not answer in time." },
  remote_denied: { code: 4_100, message: "The peer denied the connection." },
  remote_withdrew: { code: 4_101, message: "The requesting peer withdrew." },
  remote_left: { code: 4_102, message: "One of the two peers left the lobby." },
  misc_nat_firewall: {
    code: 5_009,
    message: "These two networks allow no direct path, and the lobby or one of the two peers allows no relay.",
  },
  misc_no_common_path: {
    code: 5_010,
    message: "One of the two peers uses only WebRTC and the other only UDP: they have no kind of path in common.",
  },
  misc_relay_exhausted: { code: 5_100, message: "All relays are at capacity." },
  misc_relay_unavailable: { code: 5_101, message: "A relay is needed, and no sidecar offers one." },
} as const satisfies Record<string, Row>;

export type FailureReason = keyof typeof FAILURES;
