/** The route by which a member reports another one to the operators. */
import { newReport } from "#shared/api/moderation/reports.ts";
import { parseBody } from "../../body.ts";
import type { Handler } from "../../context.ts";
import { callForRequest } from "../../hub-client.ts";
import { problem } from "../../../problem.ts";
import { lobbyInPath } from "../lobby-responses.ts";

export const reportMember: Handler = async (c) => {
  const body = await parseBody(c, newReport);
  if (body instanceof Response) return body;
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const accepted = await callForRequest(c, lobby.shard, "report", (hub, meta) =>
    hub.reportMember(meta, lobby.id, body.value),
  );
  return accepted instanceof Response ? accepted : c.json(accepted);
};
