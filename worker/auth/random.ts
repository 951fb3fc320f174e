/** Random ids and keys. An id has 130 bits in 26 characters and cannot be guessed. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(26));
  return Array.from(bytes, (byte) => (byte & 31).toString(32)).join("");
}

/** 32 bytes in base64url. */
export function randomKey(): string {
  const text = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
}
