/**
 * The game's sidecars. The list of a hub that has just restarted may be empty for a moment: the known one is kept, and the
 * hub is asked again.
 */
import { isIPv4 } from "node:net";
import type { HubClient } from "../api/hub-client.ts";
import type { Sidecar } from "../api/types.ts";
import { SIDECARS_RETRY_MS, SIDECARS_RETRY_MS_MAX } from "./limits.ts";

export class SidecarList {
  readonly #hub: Pick<HubClient, "listSidecars" | "url">;
  #sidecars: readonly Sidecar[];
  #running: Promise<void> | null = null;
  #retry_ms = SIDECARS_RETRY_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor(hub: Pick<HubClient, "listSidecars" | "url">, sidecars: readonly Sidecar[]) {
    this.#hub = hub;
    this.#sidecars = sidecars;
  }

  get current(): readonly Sidecar[] {
    return this.#sidecars.map((sidecar) => withAddress(sidecar, this.#hub.url));
  }

  /** Asks the hub. Calls at the same time share one request. */
  refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#running ??= this.#request().finally(() => (this.#running = null));
    return this.#running;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #request(): Promise<void> {
    const sidecars = await this.#hub.listSidecars().then(
      (list) => list.sidecars,
      () => [],
    );
    if (sidecars.length > 0) {
      this.#sidecars = sidecars;
      this.#retry_ms = SIDECARS_RETRY_MS;
      return;
    }
    this.#timer = setTimeout(() => void this.refresh(), this.#retry_ms).unref();
    this.#retry_ms = Math.min(2 * this.#retry_ms, SIDECARS_RETRY_MS_MAX);
  }
}

/** Fills in the hub's address for a sidecar on the same machine that does not know its own. */
function withAddress(sidecar: Sidecar, hub: string): Sidecar {
  if (sidecar.v4.length > 0 || sidecar.v6.length > 0) return sidecar;
  const host = new URL(hub).hostname.replace("localhost", "127.0.0.1");
  return isIPv4(host) ? { ...sidecar, v4: [host] } : sidecar;
}
