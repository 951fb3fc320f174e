/** The calls of HubRpc that answer operators: lobbies, bans, draining, the audit trail. */
import { DurableObject } from "cloudflare:workers";
import type { Announced, Announcement } from "#shared/api/moderation/announcements.ts";
import type { AuditEntry } from "#shared/api/moderation/audit.ts";
import type { RelaySettings } from "#shared/api/moderation/relay-settings.ts";
import type { Ban } from "#shared/auth/bans.ts";
import { ANNOUNCEMENTS_BURST, ANNOUNCEMENTS_PER_S } from "#shared/limits.ts";
import { consumeToken, fullBucket } from "#shared/rate-limit/token-bucket.ts";
import type { Env } from "../../env.ts";
import type * as rpc from "../../rpc.ts";
import * as admin from "../admin.ts";
import type { LobbyService } from "../lobby-service.ts";
import type { HubState } from "../state.ts";
import { AuditLog } from "./audit-log.ts";

export type OperatedParts = {
  readonly state: HubState;
  readonly lobbies: LobbyService;
  readonly endRelays: () => void;
  readonly sendGoingAway: (now: number) => void;
  readonly announce: (announcement: Announcement) => Omit<Announced, "announcement_id">;
};

const ANNOUNCEMENTS = { per_s: ANNOUNCEMENTS_PER_S, burst: ANNOUNCEMENTS_BURST };

/** The base class of a hub, which sets `parts` before any call. */
export abstract class OperatorCalls extends DurableObject<Env> {
  protected parts!: OperatedParts;
  readonly #announcements = fullBucket(ANNOUNCEMENTS, 0);

  listAllLobbies(limit: number, after: rpc.Cursor | null): rpc.AdminPage {
    return admin.lobbyPage(this.parts.state.lobbies.all(), limit, after);
  }

  closeLobby(id: string): boolean {
    return this.parts.lobbies.close(id, Date.now());
  }

  banTargetOf(id: string, member: string): rpc.BanTarget | null {
    return admin.banTargetOf(this.parts.state.lobbies.byId(id), member);
  }

  listBans(): Ban[] {
    return this.parts.state.guard.bans.all();
  }

  addBan(ban: Ban): boolean {
    const added = this.parts.state.guard.addBan(ban);
    this.parts.state.scheduleAlarm([], Date.now());
    return added;
  }

  removeBan(id: string): boolean {
    return this.parts.state.guard.removeBan(id);
  }

  addAuditEntry(entry: AuditEntry): void {
    new AuditLog(this.ctx.storage).add(entry);
  }

  listAuditEntries(limit: number, after: string | null): rpc.AuditPage {
    return new AuditLog(this.ctx.storage).page(limit, after);
  }

  checkStorage(): void {
    this.parts.state.checkStorage(Date.now());
  }

  getRelaySettings(): RelaySettings {
    return this.parts.state.guard.relays.settings;
  }

  setRelaySettings(settings: RelaySettings): void {
    this.parts.state.guard.setRelays(settings);
    if (!settings.enabled) this.parts.endRelays();
  }

  admitAnnouncement(): number {
    const bucket = this.#announcements;
    if (consumeToken(bucket, ANNOUNCEMENTS, Date.now())) return 0;
    return Math.ceil((1 - bucket.tokens) / ANNOUNCEMENTS_PER_S);
  }

  announce(announcement: Announcement): Omit<Announced, "announcement_id"> {
    return this.parts.announce(announcement);
  }

  isDraining(): boolean {
    return this.parts.state.guard.draining;
  }

  setDraining(draining: boolean): void {
    const now = Date.now();
    if (draining && !this.parts.state.guard.draining) this.parts.sendGoingAway(now);
    this.parts.state.guard.setDraining(draining, now);
  }
}
