/** Questions to hubs. */
import { type Env, hubOf } from "../env.ts";

/**
 * The doors of a hub for sockets. Which one it is, the Worker says when it has checked who comes; the URL of a request is
 * the client's to spell, in more ways than one.
 */
export const DOORS = { events: "https://hub/events", link: "https://hub/link" } as const;

/** The hub cannot answer now. */
export class HubUnavailable extends Error {}

export type HubStub = ReturnType<typeof hubOf>;

/** Asks one hub, once more on a fresh stub where Cloudflare says that helps, and never where the hub is overloaded. */
export async function askHub<T>(
  env: Env,
  game: string,
  shard: number,
  question: (hub: HubStub) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await question(hubOf(env, game, shard));
    } catch (error) {
      const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
      if (overloaded === true) throw new HubUnavailable();
      if (retryable !== true) throw error;
      if (attempt > 0) throw new HubUnavailable();
    }
  }
}
