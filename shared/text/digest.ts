/**
 * A digest of 64 bits of a text, to tell texts apart: two multiplicative hashes of 32 bits (as in FNV-1a) over its UTF-16
 * units, in base 36. It is not for secrets: a client that chooses the text can find another one with the same digest.
 */
export function digestOf(text: string): string {
  let [low, high] = [0x811c9dc5, 0x9e3779b9];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca77) ^ (high >>> 13);
  }
  return `${(low >>> 0).toString(36)}-${(high >>> 0).toString(36)}`;
}
