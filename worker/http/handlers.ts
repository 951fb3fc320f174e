/**
 * The handler of every operation of the API, by its id. Path, method and authentication of an operation are in
 * shared/api/operations, from which app.ts builds the routes.
 */
import { VERSION } from "#shared/version.ts";
import { describeProblem } from "../problem.ts";
import type { Handler } from "./context.ts";
import * as admin from "./routes/admin.ts";
import { getSnapshot, putSnapshot } from "./routes/hosting/snapshot.ts";
import { jwks } from "./routes/identity/jwks.ts";
import { readMe, renewTokens } from "./routes/identity/me.ts";
import * as connections from "./routes/connections.ts";
import { openEvents } from "./routes/events.ts";
import { openLink } from "./routes/link.ts";
import { listLobbies } from "./routes/list-lobbies.ts";
import * as lobbies from "./routes/lobbies.ts";
import * as members from "./routes/members.ts";
import { listLobbyBans, unbanMember } from "./routes/moderation/lobby-bans.ts";
import { describeOwnNat } from "./routes/reads/nat.ts";
import * as people from "./routes/reads/people.ts";
import { previewByCode, previewByKey } from "./routes/reads/previews.ts";
import { reportMember } from "./routes/moderation/reports.ts";
import * as messages from "./routes/messages.ts";
import { listGames, listSidecars, metrics, readiness, readStats } from "./routes/metrics.ts";
import { openapiHtml, openapiJson } from "./routes/openapi.ts";
import { readIceServers } from "./routes/webrtc/ice-servers.ts";
import { createPeer } from "./routes/peers.ts";
import { joinByCode, quickJoin } from "./routes/quick-join.ts";

/** The `date` shows the clock of plain workerd, which sends no such header itself. */
const health: Handler = (c) => c.json({ ok: true, version: VERSION }, 200, { date: new Date().toUTCString() });

export const HANDLERS: Readonly<Record<string, Handler>> = {
  health,
  readiness,
  metrics,
  explainProblem: (c) => describeProblem(c.req.param("slug") ?? ""),
  openapi: openapiJson,
  reference: openapiHtml,
  createPeer,
  readMe,
  renewTokens,
  jwks,
  listGames,
  listSidecars,
  readStats,
  openEvents,
  openLink,
  listLobbies,
  joinByCode,
  quickJoin,
  createLobby: lobbies.createLobby,
  createOrJoin: lobbies.createOrJoinByKey,
  readLobby: lobbies.readLobby,
  patchLobby: lobbies.patchLobby,
  endLobby: lobbies.endLobby,
  previewByCode,
  previewByKey,
  listMembers: people.listMembers,
  readMember: people.readMember,
  listApplicants: people.listApplicants,
  readApplication: people.readApplication,
  describeNat: describeOwnNat,
  join: members.join,
  patchMember: members.patchMember,
  removeMember: members.removeMember,
  admitApplicant: members.admitApplicant,
  denyApplicant: members.removeApplicant,
  withdrawApplication: members.removeApplicant,
  kickMember: members.kickMember,
  banMember: members.banMember,
  changeHost: members.changeHost,
  listLobbyBans,
  unbanMember,
  reportMember,
  putSnapshot,
  getSnapshot,
  heartbeat: messages.heartbeat,
  sendChat: messages.sendChat,
  sendSignal: messages.sendSignal,
  connect: connections.connect,
  listConnections: connections.listConnections,
  readConnection: connections.readConnection,
  acceptConnection: connections.acceptConnection,
  denyConnection: connections.endConnection,
  withdrawConnection: connections.endConnection,
  reportOutcome: connections.reportOutcome,
  relay: connections.relayConnection,
  readIceServers,
  invite: connections.invite,
  listAllLobbies: admin.listAllLobbies,
  closeLobby: admin.closeLobby,
  listBans: admin.listBans,
  createBan: admin.createBan,
  removeBan: admin.removeBan,
  listAudit: admin.listAudit,
  readRelaySettings: admin.readRelaySettings,
  setRelaySettings: admin.setRelaySettings,
  readDrain: admin.readDrain,
  setDrain: admin.setDrain,
  announce: admin.announce,
};
