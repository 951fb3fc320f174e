/** The HTTP operations of a host's snapshot. */
import { snapshotInfo, snapshotReaders } from "../snapshots.ts";
import { SNAPSHOT_BYTES_MAX } from "../../limits.ts";
import { count } from "../../lobby/fields.ts";
import { HOST_ONLY, IF_NONE_MATCH, LOBBY_GONE, NOT_MODIFIED, ONE_LOBBY, type Operations, query } from "./operation.ts";

const BYTES = "application/octet-stream";

export const SNAPSHOT_OPERATIONS: Operations = {
  [`${ONE_LOBBY}/snapshot`]: {
    put: {
      id: "putSnapshot",
      tag: "members",
      summary: "Replaces the snapshot with which the next host continues.",
      auth: "peer",
      rateLimit: "snapshot",
      parameters: [
        query("term", "The term in which the peer is the host.", count),
        query("readers", "Who may read it: `members` (default), or the `host` alone.", snapshotReaders),
      ],
      binary: { type: BYTES, bytes_max: SNAPSHOT_BYTES_MAX },
      responses: { 200: { description: "The stored snapshot.", body: snapshotInfo, headers: ["ETag"] } },
      refusals: ["not_member", ...HOST_ONLY],
    },
    get: {
      id: "getSnapshot",
      tag: "members",
      summary: "Returns the bytes of the snapshot. The header Parley-Term is the term of the host that wrote it.",
      auth: "peer",
      rateLimit: "snapshot",
      parameters: [IF_NONE_MATCH],
      responses: {
        200: { description: "The bytes, as the host wrote them.", type: BYTES, headers: ["ETag"] },
        304: NOT_MODIFIED,
      },
      refusals: ["not_member", "snapshot_not_found", ...LOBBY_GONE],
    },
  },
};
