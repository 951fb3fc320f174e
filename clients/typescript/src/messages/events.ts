/** What the messenger takes from the game and gives to it. */
import type { ConnectionState } from "./steam-constants.ts";
import type { TransportStats } from "./transport/stats.ts";

export type MessengerSetup = {
  /** The own id. Messages to it are refused. */
  readonly self: string;
  /** Deflate messages, if the peer supports it. */
  readonly compress: boolean;
  /** Unpredictable whole numbers from 0 to below 2^32. */
  readonly random: () => number;
};

export type Message = {
  readonly peer: string;
  readonly payload: Uint8Array;
  readonly channel: number;
  /** `SendFlags.Reliable` or `SendFlags.Unreliable`. */
  readonly flags: number;
  /** Counts the peer's messages on this channel, in the order of arrival. */
  readonly messageNumber: number;
  /** On the caller's clock. */
  readonly timeReceived_ms: number;
};

export type MessengerEvent =
  | { readonly type: "sessionRequest"; readonly peer: string }
  | {
      readonly type: "sessionFailed";
      readonly reason: number;
      readonly peer: string;
      readonly state: ConnectionState;
      readonly debug: string;
    };

export type SessionInfo = {
  readonly state: ConnectionState;
  readonly endReason: number;
  readonly endDebug: string;
  readonly stats: TransportStats | null;
};
