/** The STUN and TURN servers of the game, with credentials that are renewed before they expire. */
import type { HubClient } from "../api/hub-client.ts";
import type { IceServers } from "../api/types.ts";
import type { IceServer } from "./engine.ts";
import { ICE_SERVERS_MARGIN_MS } from "./limits.ts";

export class IceServerList {
  readonly #hub: HubClient;
  #request: Promise<IceServer[]> | null = null;
  #renewAt = 0;

  constructor(hub: HubClient) {
    this.#hub = hub;
  }

  /** Without servers, two browsers in one network still find each other. */
  get(): Promise<IceServer[]> {
    if (this.#request === null || performance.now() > this.#renewAt) this.#request = this.#load();
    return this.#request;
  }

  async #load(): Promise<IceServer[]> {
    this.#renewAt = Infinity;
    try {
      const began = performance.now();
      const { ice_servers, lifetime_s } = await this.#hub.request<IceServers>("GET", "/ice-servers");
      this.#renewAt = began + lifetime_s * 1_000 - ICE_SERVERS_MARGIN_MS;
      return ice_servers.map(({ urls, ...credential }) => ({ urls: [...urls], ...credential }));
    } catch {
      this.#request = null;
      return [];
    }
  }
}

/** Whether a server of the list relays. */
export const hasTurn = (servers: readonly IceServer[]): boolean => servers.some((server) => isTurn(server));

export const withoutTurn = (servers: readonly IceServer[]): IceServer[] => servers.filter((server) => !isTurn(server));

const isTurn = ({ urls }: IceServer): boolean => [urls].flat().some((url) => url.startsWith("turn"));
