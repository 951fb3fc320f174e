/** Routes of a host's snapshot: the host writes it, and the next host continues with it. */
import { snapshotReaders } from "#shared/api/snapshots.ts";
import { decodeValue, optional } from "#shared/schema/decode.ts";
import type { Ctx, Handler } from "../../context.ts";
import { readBody } from "../../body.ts";
import { callForRequest } from "../../hub-client.ts";
import { malformed, problem } from "../../../problem.ts";
import type { Snapshot } from "../../../rpc.ts";
import { lobbyInPath } from "../lobby-responses.ts";

const BYTES = "application/octet-stream";

export const putSnapshot: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const type = (c.req.header("content-type") ?? BYTES).split(";", 1)[0]!.trim().toLowerCase();
  if (type !== BYTES) return problem("unsupported_media_type", `${BYTES} expected`);
  const term = c.req.query("term") ?? "";
  if (!/^[1-9][0-9]{0,14}$/.test(term)) return malformed([{ pointer: "?term", message: "the lobby's term expected" }]);
  const readers = decodeValue(c.req.query("readers"), "readers", optional(snapshotReaders));
  if (!readers.ok) return malformed([{ pointer: "?readers", message: readers.fault.message }]);
  const body = await readBody(c);
  if (body instanceof Response) return body;
  const write = { term: Number(term), readers: readers.value ?? "members", bytes: body.buffer };
  const stored = await callForRequest(c, lobby.shard, "snapshot", (hub, meta) =>
    hub.putSnapshot(meta, lobby.id, write),
  );
  return stored instanceof Response ? stored : c.json(stored, 200, { etag: etagOf(stored.revision) });
};

export const getSnapshot: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const stored = await callForRequest<Snapshot>(c, lobby.shard, "snapshot", (hub, meta) =>
    hub.getSnapshot(meta, lobby.id),
  );
  return stored instanceof Response ? stored : bytesResponse(c, stored);
};

const bytesResponse = (c: Ctx, { info, bytes }: Snapshot): Response =>
  c.body(bytes, 200, {
    "content-type": BYTES,
    "cache-control": "private, no-cache",
    etag: etagOf(info.revision),
    "parley-term": String(info.term),
    // The bytes come from another player; a browser must not run them.
    "content-disposition": "attachment",
    "x-content-type-options": "nosniff",
  });

const etagOf = (revision: number): string => `"s${revision}"`;
