/**
 * The links of one game, one per shard. The first one asks how many there are; until it has been answered there is
 * nowhere to send a report to, and the sidecar stays silent.
 */
import type { MemberTell, Report } from "#shared/link/messages.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import type { Share } from "../core/source-quota.ts";
import type { Tickets } from "./ticket-verifier.ts";
import { Uplink, type UplinkOptions } from "./link-client.ts";

export type LinksOptions = Omit<UplinkOptions, "shard" | "on"> & {
  /** Proved with what the hubs said last; all hubs of a game have the same keys. */
  readonly tickets: Tickets;
  readonly on: {
    readonly members: (items: readonly MemberTell[], behind: (wire: WireName, name: string) => boolean) => void;
    readonly told: UplinkOptions["on"]["told"];
    readonly relays: UplinkOptions["on"]["relays"];
  };
};

export class Links {
  readonly #options: LinksOptions;
  readonly #uplinks: Uplink[] = [];
  #shards = 0;

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#add(0);
  }

  /** Every hub of the game listens. */
  get up(): boolean {
    return this.#shards > 0 && this.#uplinks.every((uplink) => uplink.up);
  }

  get waiting(): number {
    return this.#uplinks.reduce((sum, uplink) => sum + uplink.waiting, 0);
  }

  /** What a source has asked any hub for and not been answered yet. */
  askedBy(address: string): Share {
    const all = { lobbies: 0, memberships: 0 };
    for (const uplink of this.#uplinks) {
      const { lobbies, memberships } = uplink.askedBy(address);
      all.lobbies += lobbies;
      all.memberships += memberships;
    }
    return all;
  }

  linked(wire: WireName, name: string): boolean {
    return this.#shards > 0 && (this.#uplinks[shardOf(wire, name, this.#shards)]?.up ?? false);
  }

  report(report: Report): boolean {
    if (this.#shards === 0) return false;
    return this.#uplinks[shardOf(report.wire, report.name, this.#shards)]?.report(report) ?? false;
  }

  /** Says hello once more, because something about us has changed. */
  greet(): void {
    for (const uplink of this.#uplinks) uplink.greet();
  }

  async stop(within_ms: number): Promise<void> {
    await Promise.all(this.#uplinks.map((uplink) => uplink.stop(within_ms)));
  }

  #add(shard: number): void {
    const { on, ...rest } = this.#options;
    const behind = (wire: WireName, name: string): boolean => shardOf(wire, name, this.#shards) === shard;
    const uplink = new Uplink({
      ...rest,
      shard,
      on: {
        welcome: (shards, keys) => {
          this.#options.tickets.learn(keys);
          this.#resize(shards);
        },
        members: (items) => on.members(items, behind),
        told: on.told,
        relays: on.relays,
      },
    });
    this.#uplinks[shard] = uplink;
  }

  /** The operator may have changed the number of shards while we were away. */
  #resize(shards: number): void {
    this.#shards = shards;
    for (const gone of this.#uplinks.splice(shards)) void gone.stop(0);
    for (let shard = this.#uplinks.length; shard < shards; shard++) this.#add(shard);
  }
}
