/**
 * The links of one game, one per shard. The first link reads the number of shards from its hub; until then reports have
 * no destination and are refused.
 */
import type { Directory, LinkNotice, MemberNotice, Report } from "#shared/link/messages.ts";
import type { RequesterNotice } from "#shared/lobby/notices.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import type { SourceUsage } from "../core/source-quota.ts";
import type { GameTicketVerifier } from "./ticket-verifier.ts";
import { LinkClient, type LinkClientOptions } from "./link-client.ts";

/** The hub's answer to a report, as the wires read it. */
export const toAnswer = (item: Exclude<LinkNotice, MemberNotice>): RequesterNotice =>
  "code" in item ? { kind: "refused", code: item.code } : { kind: "introduced", peers: item.peers };

type ShardLinksOptions = Omit<LinkClientOptions, "shard" | "handlers"> & {
  /** Holds the keys that a hub sent last; all hubs of a game have the same keys. */
  readonly tickets: GameTicketVerifier;
  readonly handlers: {
    readonly onMembers: (items: readonly MemberNotice[], behind: (wire: WireName, name: string) => boolean) => void;
    readonly onDirectory: (shard: number, message: Directory) => void;
    readonly onAnnouncement: LinkClientOptions["handlers"]["onAnnouncement"];
    readonly onReplies: LinkClientOptions["handlers"]["onReplies"];
    readonly onRelayMessage: LinkClientOptions["handlers"]["onRelayMessage"];
  };
};

export class ShardLinks {
  readonly #options: ShardLinksOptions;
  readonly #links: LinkClient[] = [];
  #shards = 0;
  /** The hub accepts `publish` reports; an older one would close the link. */
  #acceptsPublish = false;

  constructor(options: ShardLinksOptions) {
    this.#options = options;
    this.#add(0);
  }

  /** Whether every hub of the game has accepted its link. */
  get up(): boolean {
    return this.#shards > 0 && this.#links.every((link) => link.up);
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
    return this.#shards > 0 && (this.#links[shardOf(wire, name, this.#shards)]?.up ?? false);
  }

  report(report: Report): boolean {
    if (this.#shards === 0 || ((report.kind === "publish" || report.wire === "nohub") && !this.#acceptsPublish))
      return false;
    return this.#links[shardOf(report.wire, report.name, this.#shards)]?.report(report) ?? false;
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
    const behind = (wire: WireName, name: string): boolean => shardOf(wire, name, this.#shards) === shard;
    const link = new LinkClient({
      ...rest,
      shard,
      handlers: {
        onWelcome: ({ shards, ticket_keys = [], directory = false }) => {
          this.#options.tickets.setKeys(ticket_keys);
          this.#acceptsPublish = directory;
          this.#resize(shards);
        },
        onDirectory: (message) => handlers.onDirectory(shard, message),
        onMembers: (items) => handlers.onMembers(items, behind),
        onAnnouncement: handlers.onAnnouncement,
        onReplies: handlers.onReplies,
        onRelayMessage: handlers.onRelayMessage,
      },
    });
    this.#links[shard] = link;
  }

  /** The operator may have changed the number of shards during an outage. */
  #resize(shards: number): void {
    this.#shards = shards;
    for (const removed of this.#links.splice(shards)) void removed.stop(0);
    for (let shard = this.#links.length; shard < shards; shard++) this.#add(shard);
  }
}
