/**
 * The links of one game, one per shard. The first one asks how many there are; until it has been answered there is
 * nowhere to send a report to, and the sidecar stays silent.
 */
import type { MemberTell, Report } from "#shared/link/messages.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import type { SourceUsage } from "../core/source-quota.ts";
import type { GameTicketVerifier } from "./ticket-verifier.ts";
import { LinkClient, type LinkClientOptions } from "./link-client.ts";

export type ShardLinksOptions = Omit<LinkClientOptions, "shard" | "on"> & {
  /** Proved with what the hubs said last; all hubs of a game have the same keys. */
  readonly tickets: GameTicketVerifier;
  readonly handlers: {
    readonly onMembers: (items: readonly MemberTell[], behind: (wire: WireName, name: string) => boolean) => void;
    readonly onReplies: LinkClientOptions["handlers"]["onReplies"];
    readonly onRelayMessage: LinkClientOptions["handlers"]["onRelayMessage"];
  };
};

export class ShardLinks {
  readonly #options: ShardLinksOptions;
  readonly #links: LinkClient[] = [];
  #shards = 0;

  constructor(options: ShardLinksOptions) {
    this.#options = options;
    this.#add(0);
  }

  /** Every hub of the game listens. */
  get up(): boolean {
    return this.#shards > 0 && this.#links.every((uplink) => uplink.up);
  }

  get waiting(): number {
    return this.#links.reduce((sum, uplink) => sum + uplink.waiting, 0);
  }

  /** What a source has asked any hub for and not been answered yet. */
  pendingFrom(address: string): SourceUsage {
    const all = { lobbies: 0, memberships: 0 };
    for (const uplink of this.#links) {
      const { lobbies, memberships } = uplink.pendingFrom(address);
      all.lobbies += lobbies;
      all.memberships += memberships;
    }
    return all;
  }

  isLinked(wire: WireName, name: string): boolean {
    return this.#shards > 0 && (this.#links[shardOf(wire, name, this.#shards)]?.up ?? false);
  }

  report(report: Report): boolean {
    if (this.#shards === 0) return false;
    return this.#links[shardOf(report.wire, report.name, this.#shards)]?.report(report) ?? false;
  }

  /** Says hello once more, because something about us has changed. */
  sendHello(): void {
    for (const uplink of this.#links) uplink.sendHello();
  }

  async stop(within_ms: number): Promise<void> {
    await Promise.all(this.#links.map((uplink) => uplink.stop(within_ms)));
  }

  #add(shard: number): void {
    const { handlers: on, ...rest } = this.#options;
    const behind = (wire: WireName, name: string): boolean => shardOf(wire, name, this.#shards) === shard;
    const uplink = new LinkClient({
      ...rest,
      shard,
      handlers: {
        onWelcome: (shards, keys) => {
          this.#options.tickets.setKeys(keys);
          this.#resize(shards);
        },
        onMembers: (items) => on.onMembers(items, behind),
        onReplies: on.onReplies,
        onRelayMessage: on.onRelayMessage,
      },
    });
    this.#links[shard] = uplink;
  }

  /** The operator may have changed the number of shards while we were away. */
  #resize(shards: number): void {
    this.#shards = shards;
    for (const gone of this.#links.splice(shards)) void gone.stop(0);
    for (let shard = this.#links.length; shard < shards; shard++) this.#add(shard);
  }
}
