/**
 * The links of one game, one per shard. The first link reads the number of shards from its hub; until then reports have
 * no destination and are refused.
 */
import type { Directory, LinkNotice, MemberNotice, Report } from "#shared/link/messages.ts";
import type { RequesterNotice } from "#shared/lobby/notices.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import type { SourceUsage } from "../core/source-quota.ts";
import type { GameTicketVerifier } from "./ticket-verifier.ts";
import { LinkClient, type LinkClientOptions } from "./link-client.ts";
import { LobbyPlaces } from "./lobby-places.ts";

/** The hub's answer to a report, as the wires read it. */
export const toAnswer = (item: Exclude<LinkNotice, MemberNotice>): RequesterNotice =>
  "code" in item ? { kind: "refused", code: item.code } : { kind: "introduced", peers: item.peers };

type ShardLinksOptions = Omit<LinkClientOptions, "shard" | "handlers"> & {
  /** Holds the keys that a hub sent last; all hubs of a game have the same keys. */
  readonly tickets: GameTicketVerifier;
  readonly handlers: {
    readonly onMembers: (items: readonly MemberNotice[], hub: HubLobbies) => void;
    readonly onDirectory: (shard: number, message: Directory) => void;
    readonly onAnnouncement: LinkClientOptions["handlers"]["onAnnouncement"];
    readonly onReplies: LinkClientOptions["handlers"]["onReplies"];
    readonly onRelayMessage: LinkClientOptions["handlers"]["onRelayMessage"];
  };
};

/** Which lobbies are at the hub that sent its members. */
export type HubLobbies = {
  /** The lobby is there for certain. */
  readonly holds: (wire: WireName, name: string) => boolean;
  /** Reports about the lobby go there. */
  readonly isAsked: (wire: WireName, name: string) => boolean;
};

export class ShardLinks {
  readonly #options: ShardLinksOptions;
  readonly #links: LinkClient[] = [];
  readonly #places = new LobbyPlaces();
  /** The hub accepts `publish` reports; an older one would close the link. */
  #acceptsPublish = false;

  constructor(options: ShardLinksOptions) {
    this.#options = options;
    this.#add(0);
  }

  /** Whether every hub of the game has accepted its link. */
  get up(): boolean {
    return this.#places.hubs > 0 && this.#links.every((link) => link.up);
  }

  get waiting(): number {
    return this.#links.reduce((sum, link) => sum + link.waiting, 0);
  }

  /** What a source has requested from any hub and not been answered. */
  pendingFrom(address: string): SourceUsage {
    const all = { lobbies: 0, memberships: 0 };
    for (const link of this.#links) {
      const { lobbies, memberships } = link.pendingFrom(address);
      all.lobbies += lobbies;
      all.memberships += memberships;
    }
    return all;
  }

  isLinked(wire: WireName, name: string): boolean {
    return this.#linkOf(wire, name)?.up ?? false;
  }

  report(report: Report): boolean {
    if ((report.kind === "publish" || report.wire === "nohub") && !this.#acceptsPublish) return false;
    return this.#linkOf(report.wire, report.name)?.report(report) ?? false;
  }

  #linkOf(wire: WireName, name: string): LinkClient | undefined {
    return this.#links[this.#places.of(wire, name) ?? -1];
  }

  /** Sends hello again, because something in it has changed. */
  sendHello(): void {
    for (const link of this.#links) link.sendHello();
  }

  async stop(within_ms: number): Promise<void> {
    await Promise.all(this.#links.map((link) => link.stop(within_ms)));
  }

  #add(shard: number): void {
    const { handlers, ...rest } = this.#options;
    const hub: HubLobbies = {
      holds: (wire, name) => this.#places.isAt(wire, name, shard),
      isAsked: (wire, name) => this.#places.of(wire, name) === shard,
    };
    const link = new LinkClient({
      ...rest,
      shard,
      handlers: {
        onWelcome: ({ shards, former_shards = null, ticket_keys = [], directory = false }) => {
          this.#options.tickets.setKeys(ticket_keys);
          this.#acceptsPublish = directory;
          this.#places.set({ present: shards, former: former_shards });
          this.#resize(this.#places.hubs);
        },
        onDirectory: (message) => handlers.onDirectory(shard, message),
        onMembers: (items) => {
          for (const { to } of items) this.#places.learn(to.wire, to.name, shard);
          handlers.onMembers(items, hub);
        },
        onAnnouncement: handlers.onAnnouncement,
        onReplies: (items, reportAt) =>
          handlers.onReplies(
            items.filter((item) => !this.#isPassedOn(item, shard, reportAt)),
            reportAt,
          ),
        onRelayMessage: handlers.onRelayMessage,
      },
    });
    this.#links[shard] = link;
  }

  /** Learns where a lobby is. If this hub has none of the name, the report goes to the other that may have it. */
  #isPassedOn(item: LinkNotice, shard: number, reportAt: (seq: number) => Report | undefined): boolean {
    if ("to" in item) {
      this.#places.learn(item.to.wire, item.to.name, shard);
      return false;
    }
    const report = "code" in item && item.code === "lobby_not_found" ? reportAt(item.ref) : undefined;
    const next = report === undefined ? null : this.#places.next(report.wire, report.name, shard);
    return next !== null && (this.#links[next]?.report(report!) ?? false);
  }

  /** The operator may have changed the number of shards during an outage. */
  #resize(hubs: number): void {
    for (const [at, removed] of this.#links.splice(hubs).entries()) {
      void removed.stop(0);
      this.#options.handlers.onDirectory(hubs + at, { t: "directory", reset: true, items: [] });
    }
    for (let shard = this.#links.length; shard < hubs; shard++) this.#add(shard);
  }
}
