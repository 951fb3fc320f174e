/**
 * Why a link does not open. A WebSocket reveals neither an HTTP status nor the cause of a failure, so a plain request to
 * the same address asks for both.
 */
import type { Secret } from "../config/secret.ts";
import { get } from "../hub-requests/get.ts";

const TIMEOUT_MS = 2_000;

/** `fallback` is returned if the hub answers the plain request as it should. */
export async function diagnose(link: URL, key: Secret, fallback: string): Promise<string> {
  try {
    const { status } = await get(link, TIMEOUT_MS, { authorization: `Bearer ${key.reveal()}` });
    if (status === 401) return "the hub refuses this sidecar's key (PARLEY_KEY)";
    if (status === 404) return "the hub does not serve this sidecar's game (GAMES)";
    if (status === 426) return fallback;
    return status >= 300 && status < 400
      ? `the hub redirects (${status}): set PARLEY_HUB to the final address`
      : `the hub answers ${status}`;
  } catch (error) {
    return causeText(link, error);
  }
}

/** Node's error codes of name resolution, connection and TLS. */
function causeText({ hostname, host, protocol }: URL, error: unknown): string {
  const { code = "", name } = error as { code?: string; name?: string };
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `DNS has no address for ${hostname} (${code}): check PARLEY_HUB and this machine's resolver`;
  if (code === "ECONNREFUSED") return `${host} refuses the connection: nothing listens there`;
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH") return `there is no route to ${host} (${code})`;
  if (/CERT|SELF_SIGNED|VERIFY|ISSUER/.test(code))
    return `the certificate of ${host} is not accepted (${code}): TLS fails`;
  if (/SSL|TLS|EPROTO/.test(code))
    return `TLS with ${host} fails (${code}): ${protocol === "https:" ? "is it an http:// address?" : "check PARLEY_HUB"}`;
  if (name === "AbortError" || /TIMEOUT|TIMEDOUT/.test(code)) return `${host} does not answer`;
  return `the hub cannot be reached${code === "" ? "" : ` (${code})`}`;
}
