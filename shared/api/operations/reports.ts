/** The HTTP operation by which a member reports another one to the operators. */
import { acceptedReport, newReport } from "../moderation/reports.ts";
import { LOBBY_GONE, ONE_LOBBY, type Operations } from "./operation.ts";

export const REPORT_OPERATIONS: Operations = {
  [`${ONE_LOBBY}/reports`]: {
    post: {
      id: "reportMember",
      tag: "members",
      summary: "Reports a member to the operators; for members of the lobby.",
      auth: "peer",
      rateLimit: "report",
      body: newReport,
      responses: { 200: { description: "The report will be sent to the operators.", body: acceptedReport } },
      refusals: ["not_member", "member_not_found", "reports_off", "quota_exceeded", ...LOBBY_GONE],
    },
  },
};
