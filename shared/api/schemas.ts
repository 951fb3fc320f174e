/** The named schemas of the OpenAPI document: each appears once, under components. */
import * as api from "./lobbies.ts";
import * as connect from "../connect/schema.ts";
import * as service from "./service.ts";
import { announced, newAnnouncement } from "./moderation/announcements.ts";
import { auditPage } from "./moderation/audit.ts";
import { iceServers } from "./ice-servers.ts";
import { jwks, me, newPeer, ownSeat, tokens } from "./identity.ts";
import { lobbyBan, lobbyBanList } from "./bans.ts";
import * as reads from "./reads.ts";
import { relaySettings } from "./moderation/relay-settings.ts";
import { newReport, report } from "./moderation/reports.ts";
import { snapshotInfo } from "./snapshots.ts";
import { summary } from "../listing/summary.ts";

export const SHAPES = {
  NewLobby: api.newLobby,
  Publishing: api.publishRequest,
  LobbyPatch: api.lobbyPatch,
  Joining: api.joinRequest,
  JoiningByCode: api.joinByCodeRequest,
  QuickJoining: api.quickJoinRequest,
  MemberPatch: api.memberPatch,
  HostTransfer: api.hostTransfer,
  Removal: api.removal,
  ChatLine: api.chatMessage,
  Signal: api.signalMessage,
  Lobby: api.lobby,
  Summary: summary,
  Page: api.page,
  Member: api.member,
  Applicant: api.applicant,
  MemberList: reads.memberList,
  ApplicantList: reads.applicantList,
  Application: reads.application,
  NatTypes: reads.natView,
  Joined: api.joined,
  Pending: api.pendingJoin,
  Connecting: connect.connectRequest,
  Accepting: connect.acceptRequest,
  Reach: connect.reach,
  Connection: connect.connection,
  ConnectionList: connect.connectionList,
  Invitation: connect.invitation,
  Relay: connect.relay,
  Relaying: connect.relayRequest,
  Outcome: connect.outcome,
  Me: me,
  NewPeer: newPeer,
  OwnSeat: ownSeat,
  Tokens: tokens,
  Keys: jwks,
  LobbyBan: lobbyBan,
  LobbyBanList: lobbyBanList,
  Snapshot: snapshotInfo,
  NewReport: newReport,
  Report: report,
  Problem: api.problem,
  Identity: service.identity,
  Sidecar: service.sidecar,
  SidecarList: service.sidecarList,
  IceServers: iceServers,
  GameList: service.gameList,
  Stats: service.stats,
  AdminPage: service.adminPage,
  Ban: service.ban,
  BanList: service.banList,
  NewBan: service.newBan,
  Drain: service.drain,
  AuditPage: auditPage,
  RelaySettings: relaySettings,
  NewAnnouncement: newAnnouncement,
  Announced: announced,
} as const;
