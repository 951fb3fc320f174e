/** Reports of players about members of their lobby, and the document that the operators' webhook receives. */
import { object, oneOf, optional, type Shape, text } from "../../schema/decode.ts";
import { REPORT_MESSAGE_LENGTH_MAX } from "../../limits.ts";
import { peerId as peer, time } from "../../lobby/fields.ts";

export const REPORT_CATEGORIES = ["abuse", "cheating", "name", "spam", "other"] as const;

export const newReport = object({
  /** The member that is reported. */
  peer_id: peer,
  category: oneOf(...REPORT_CATEGORIES),
  message: optional(text(REPORT_MESSAGE_LENGTH_MAX)),
});
export type NewReport = Shape<typeof newReport>;

export const acceptedReport = object({ report_id: text(26) });

/** The body of the webhook's request. Names are as they were when the report was made. */
export const report = object({
  type: oneOf("player.reported"),
  report_id: text(26),
  at: time,
  game: text(32),
  lobby_id: text(64),
  lobby_name: text(128),
  reporter_id: peer,
  ...newReport.fields,
  peer_name: text(128),
});
export type Report = Shape<typeof report>;
