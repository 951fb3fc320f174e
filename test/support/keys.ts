/** The keys of the hub that the tests run against, as its settings have them. */
export const SIDECAR_KEYS = ["key-one", "key-two"];
export const ADMIN_KEYS = ["admin-key-one", "admin-key-two"];
/** The first signs; golden-tickets.ts knows what it makes. */
export const TOKEN_KEYS = ["token-key-of-the-tests-the-first", "token-key-of-the-tests-the-other"];
