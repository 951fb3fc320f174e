/** A member's report: checks that both are members, and builds the document of the webhook. */
import type { NewReport, Report } from "#shared/api/moderation/reports.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { randomId } from "../../auth/random.ts";
import type { Outcome } from "../../rpc.ts";
import { refusalForNonMember } from "../connections/consent.ts";
import type { ReportOutbox } from "./report-outbox.ts";

type Reporter = { readonly game: string; readonly peer: string };

export function reportMember(
  lobby: Lobby | undefined,
  { game, peer }: Reporter,
  request: NewReport,
  outbox: ReportOutbox,
  now: number,
): Outcome<{ readonly report_id: string }> {
  const refused = refusalForNonMember(lobby, peer);
  if (refused !== null) return { refused };
  if (!outbox.isOpen) return { refused: "reports_off" };
  const reported = lobby!.members.find((member) => member.peer === request.peer_id);
  if (reported === undefined) return { refused: "member_not_found" };
  const report: Report = {
    type: "player.reported",
    report_id: randomId(),
    at: new Date(now).toISOString(),
    game,
    lobby_id: lobby!.id,
    lobby_name: lobby!.display_name ?? lobby!.name,
    reporter_id: peer,
    ...request,
    peer_name: reported.display_name ?? reported.peer,
  };
  return outbox.add(report, now) ? { value: { report_id: report.report_id } } : { refused: "quota_exceeded" };
}
