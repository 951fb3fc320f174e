/** What operators set for the relays of a game. */
import { flag, integer, nullable, object, type Shape } from "../../schema/decode.ts";

export const relaySettings = object({
  /** False: no new relays, and existing ones end at once. */
  enabled: flag,
  /** Bytes that all relays of native connections may carry in a day (UTC); null: no limit. */
  day_bytes_max: nullable(integer(0, Number.MAX_SAFE_INTEGER)),
});
export type RelaySettings = Shape<typeof relaySettings>;

export const DEFAULT_RELAY_SETTINGS: RelaySettings = { enabled: true, day_bytes_max: null };
