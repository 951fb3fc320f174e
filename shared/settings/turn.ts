/** The settings of the operator's TURN servers. */
import { splitKeys, weakness } from "../auth/keys.ts";
import { ICE_URLS_MAX } from "../limits.ts";

/** A TURN URL (RFC 7065): `turn:host:3478`, `turns:host:443?transport=tcp`. */
const TURN_URL = /^turns?:(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?(\?transport=(udp|tcp))?$/;

export type TurnServers = { readonly urls: readonly string[]; readonly secret: string };

/** `servers`: null without any, or if the settings are faulty. */
export function parseTurn(
  setting: string,
  secret: string,
): { readonly servers: TurnServers | null; readonly faults: readonly string[] } {
  const urls = splitKeys(setting);
  const weak = weakness("TURN_SECRET", secret);
  const faults = [
    ...(urls.every((url) => TURN_URL.test(url))
      ? []
      : ["TURN_URLS: URLs such as turn:turn.example.com:3478?transport=udp expected"]),
    ...(urls.length > ICE_URLS_MAX ? [`TURN_URLS: at most ${ICE_URLS_MAX} URLs expected`] : []),
    ...(urls.length > 0 && weak !== null ? [weak] : []),
    ...(urls.length === 0 && secret !== "" ? ["TURN_SECRET is set, but TURN_URLS is not: set both"] : []),
  ];
  return { servers: urls.length === 0 || faults.length > 0 ? null : { urls, secret }, faults };
}
