/** Operators' announcements: one text for all clients of a game that can show it. */
import { object, type Shape, text } from "../../schema/decode.ts";
import { ANNOUNCEMENT_LENGTH_MAX } from "../../limits.ts";
import { count } from "../../lobby/fields.ts";
import { DISPLAY_NAME_PATTERN } from "../../text/names.ts";

export const newAnnouncement = object({
  /** One line, by the rules of displayed names. */
  text: text(ANNOUNCEMENT_LENGTH_MAX, DISPLAY_NAME_PATTERN),
});

/** What subscribers receive. A client with several sockets receives it on each; the id is the same. */
export type Announcement = { readonly announcement_id: string; readonly text: string };

export const announced = object({
  announcement_id: text(26),
  /** Open event sockets that it was sent to. */
  subscriber_count: count,
  /** Linked sidecars, which send it to their clients. */
  sidecar_count: count,
});
export type Announced = Shape<typeof announced>;
