/**
 * Why two members did not come together, as far as the hub knows it. The reason is the stable contract; codes are in
 * Steam's classes (ESteamNetConnectionEnd): 3xxx one's own side, 4xxx the peer's, 5xxx neither's.
 */
type Row = { readonly code: number; readonly message: string };

export const FAILURES = {
  remote_timeout: { code: 4_001, message: "The peer did not answer in time." },
  remote_denied: { code: 4_100, message: "The peer does not want to be connected." },
  remote_withdrew: { code: 4_101, message: "The peer who asked has thought better of it." },
  remote_left: { code: 4_102, message: "One of the two is no member of the lobby any more." },
  misc_relay_exhausted: { code: 5_100, message: "Every relay carries as much as it may." },
  misc_relay_unavailable: { code: 5_101, message: "A relay is needed, and there is none." },
} as const satisfies Record<string, Row>;

export type FailureReason = keyof typeof FAILURES;
