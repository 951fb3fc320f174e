/** What a provider says of a proof. */
export type Verified =
  /** The user's id at the provider, which stays the same. */
  { readonly subject: string } | { readonly refused: "identity_invalid" | "identity_unavailable" };
