/**
 * The first hub as the directory of a game with several hubs: it answers list requests from its own lines and its replicas
 * of the others, so that a list costs one call and not one per hub. Other hubs send a change as soon as it is stored, so
 * it is in the list a moment later. If the directory cannot be loaded, the Worker asks every hub.
 */
import { DIRECTORY_KEPT_MS, DIRECTORY_RELOAD_MS } from "#shared/limits.ts";
import type { Query } from "#shared/listing/query.ts";
import type { Page } from "#shared/listing/sorted-index.ts";
import type { ShardFeedReceiver } from "./shard-feed.ts";

export class ListDirectory {
  readonly #replicas: ShardFeedReceiver;
  readonly #waitUntil: (work: Promise<void>) => void;
  #read_at = -Infinity;

  constructor(replicas: ShardFeedReceiver, waitUntil: (work: Promise<void>) => void) {
    this.#replicas = replicas;
    this.#waitUntil = waitUntil;
  }

  /** Whether lists were requested recently, so that the other hubs must send their changes. */
  isRead(now: number): boolean {
    return now - this.#read_at <= DIRECTORY_KEPT_MS;
  }

  /** The page of all hubs. `own` returns this hub's page. Null if another hub is unreachable, or they have too many lobbies. */
  async page(own: () => Page, query: Query, now: number): Promise<Page | null> {
    this.#read_at = now;
    if (!(await this.#replicas.load())) return null;
    // A hub that crashed between storing a change and sending it has not noticed.
    if (now - this.#replicas.loaded_at > DIRECTORY_RELOAD_MS) this.#waitUntil(this.#replicas.reload().then(() => {}));
    return this.#replicas.page(own(), query);
  }
}
