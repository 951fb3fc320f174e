/** The public part of the Rabid peer, with the wire in each name. */
export {
  type Failed as RabidFailed,
  type FailureCode as RabidFailureCode,
  type Met as RabidMet,
  type MetPeer as RabidMetPeer,
  type RabidEvent,
  RabidFailure,
  type RefusalCode as RabidRefusalCode,
  type Roster as RabidRoster,
  type ServerError as RabidServerError,
  type Started as RabidStarted,
} from "./events.ts";
export {
  type Detached as RabidDetached,
  type HostOptions as RabidHostOptions,
  type JoinOptions as RabidJoinOptions,
  RabidPeer,
} from "./peer.ts";
export { RabidSession, type SessionSetup as RabidSessionSetup } from "./session.ts";
export { isRabidMessage } from "./messages.ts";
