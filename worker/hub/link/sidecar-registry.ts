/**
 * The hub's record of its sidecars: which links are up, since when others are down, and their rows. The hub is the
 * failure detector of sidecars, as they are for their peers.
 */
import { LINK_SILENCE_MS, SIDECAR_GRACE_MS, SIDECARS_PER_HUB_MAX } from "#shared/limits.ts";
import type { Hello } from "#shared/link/messages.ts";
import type { SidecarView } from "#shared/api/service.ts";
import { sidecarView } from "#shared/link/sidecar-view.ts";
import type { SidecarRow } from "../store.ts";

export class SidecarRegistry {
  readonly #rows = new Map<string, SidecarRow>();
  readonly #sockets = new Map<string, WebSocket>();

  constructor(rows: readonly SidecarRow[]) {
    for (const row of rows) this.#rows.set(row.id, row);
  }

  row(id: string): SidecarRow | undefined {
    return this.#rows.get(id);
  }

  socket(id: string): WebSocket | undefined {
    return this.#sockets.get(id);
  }

  /** A copy, so that links can be ended during iteration. */
  linked(): [string, WebSocket][] {
    return [...this.#sockets];
  }

  /** The public view of the sidecars that are up and not retiring, by id. */
  views(): SidecarView[] {
    const up = [...this.#sockets.keys()].toSorted().map((id) => this.#rows.get(id)!.hello);
    return up.filter(({ retiring }) => retiring !== true).map(sidecarView);
  }

  /** Sidecars that are up, not retiring, and relay, with their addresses. */
  relaying(): { readonly id: string; readonly addresses: readonly string[] }[] {
    return [...this.#sockets.keys()].flatMap((id) => {
      const { hello } = this.#rows.get(id)!;
      return hello.relay === undefined || hello.retiring === true ? [] : [{ id, addresses: addressesOf(hello) }];
    });
  }

  /** The addresses of all sidecars except this one. One whose link is down may still relay. */
  otherAddresses(id: string): string[] {
    return [...this.#rows.values()].flatMap((row) => (row.id === id ? [] : addressesOf(row.hello)));
  }

  /** Rows of sidecars whose link did not survive the hub's sleep: down from now on. */
  unlinked(now: number): Map<string, SidecarRow> {
    const stale = [...this.#rows.values()].filter((row) => row.down_since === null && !this.#sockets.has(row.id));
    return new Map(stale.map((row) => [row.id, { ...row, down_since: now }]));
  }

  commit(rows: ReadonlyMap<string, SidecarRow | null>): void {
    for (const [id, row] of rows) {
      if (row === null) this.#rows.delete(id);
      else this.#rows.set(id, row);
    }
  }

  attach(id: string, socket: WebSocket): void {
    this.#sockets.set(id, socket);
  }

  /** Removes the socket, unless a newer link has replaced it. */
  detach(id: string, socket: WebSocket): boolean {
    return this.#sockets.get(id) === socket && this.#sockets.delete(id);
  }

  /** The row changes of a hello: the sidecar's own row, and an evicted one if there are too many. */
  rowsForHello(hello: Hello): Map<string, SidecarRow | null> {
    const known = this.#rows.get(hello.sidecar);
    const changes = new Map<string, SidecarRow | null>();
    if (known === undefined && this.#rows.size >= SIDECARS_PER_HUB_MAX) {
      const down = [...this.#rows.values()].filter((row) => row.down_since !== null);
      down.sort((a, b) => a.down_since! - b.down_since!);
      if (down[0] !== undefined) changes.set(down[0].id, null);
    }
    const ack = known?.epoch === hello.epoch ? known.ack : 0;
    changes.set(hello.sidecar, { id: hello.sidecar, epoch: hello.epoch, ack, down_since: null, away: false, hello });
    return changes;
  }

  /** Sidecars whose grace period is over and whose members are not yet marked away. */
  overdue(now: number): SidecarRow[] {
    return [...this.#rows.values()].filter(
      (row) => !row.away && row.down_since !== null && row.down_since + SIDECAR_GRACE_MS <= now,
    );
  }

  /** When to check again (ms): the end of a grace period, or the next check of the links; or Infinity. */
  deadline(now: number): number {
    let due = this.#sockets.size === 0 ? Infinity : now + LINK_SILENCE_MS;
    for (const { down_since, away } of this.#rows.values()) {
      if (down_since !== null && !away) due = Math.min(due, down_since + SIDECAR_GRACE_MS);
    }
    return due;
  }
}

/** All public addresses of a sidecar. */
export const addressesOf = ({ addresses, relay }: Hello): string[] => [...addresses, ...(relay?.addresses ?? [])];
