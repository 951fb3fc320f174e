/** The keys in the settings of the tests' hub. */
export const SIDECAR_KEYS = ["key-one-of-tests", "key-two-of-tests"];
export const ADMIN_KEYS = ["admin-key-one-of-tests", "admin-key-two-of-tests"];
/** The first key signs; golden-tickets.ts holds its results. */
export const TOKEN_KEYS = ["token-key-of-the-tests-the-first", "token-key-of-the-tests-the-other"];
