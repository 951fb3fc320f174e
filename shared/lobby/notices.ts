/** What the lobby core sends: notices to members and requesters, and the result of a step. */
import type { Endpoint } from "../net/endpoint.ts";
import type { RefusalCode, Removal } from "../refusals.ts";
import type { Lobby, Source } from "./lobby.ts";

export type IntroducedPeer = { readonly peer: string; readonly endpoint: Endpoint; readonly local?: Endpoint };

export type Notice =
  /** To the host: the lobby exists, with these members by arrival, the host first. */
  | { readonly kind: "hosted"; readonly peers: readonly string[] }
  /** The current members by arrival, the host first. */
  | { readonly kind: "roster"; readonly peers: readonly string[] }
  /**
   * Punch now: the observed endpoint of every member by arrival, the receiver's own included. Where joining introduces,
   * only the other peer's.
   */
  | { readonly kind: "introduced"; readonly peers: readonly IntroducedPeer[] }
  | { readonly kind: "refused"; readonly code: RefusalCode }
  /** `detail`: the reason as the host wrote it; sent to WebSocket subscribers. */
  | { readonly kind: "removed"; readonly reason: Removal; readonly detail?: string };

/** What only members without a source receive, over their WebSocket. */
export type SocketMessage =
  | { readonly kind: "chat"; readonly from: string; readonly text: string }
  | { readonly kind: "signal"; readonly from: string; readonly body: string }
  /** To the host: an applicant waits. */
  | { readonly kind: "applied"; readonly peer: string }
  /** To an applicant. */
  | { readonly kind: "admitted" }
  | { readonly kind: "denied" };

/** What a requester that is not a member may receive. */
export type RequesterNotice = Extract<Notice, { kind: "refused" | "introduced" }>;

/** A notice for one member, or for the sender of the event. */
export type AddressedNotice =
  | { readonly to: "member"; readonly peer: string; readonly source: Source; readonly notice: Notice }
  | { readonly to: "member"; readonly peer: string; readonly source: null; readonly notice: Notice | SocketMessage }
  | { readonly to: "requester"; readonly notice: RequesterNotice };

export type Transition = { readonly lobby: Lobby | null; readonly notices: readonly AddressedNotice[] };
