/**
 * Whether a client's `If-None-Match` names this ETag (RFC 9110 section 13.1.2, weak comparison). ETags contain no quotes
 * but their own, so the quoted text occurs in the header only as an entry of its list.
 */
export const isKnown = (if_none_match: string | null, etag: string): boolean =>
  if_none_match !== null && (if_none_match.trim() === "*" || if_none_match.includes(etag));
