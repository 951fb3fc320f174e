/**
 * The requests of an introduction: over the open event stream, which takes half a round trip, or over HTTP without one.
 */
import { type HubClient, HubRefusal } from "./hub-client.ts";
import { LATE_MS_MIN, LATE_ROUND_TRIPS } from "./limits.ts";
import type { Connection, Reach } from "./types.ts";

/** The client's half of the event stream. */
export type SignalStream = {
  readonly isOpen: boolean;
  /** The round trip to the hub; null before it is known. */
  readonly rtt_ms: number | null;
  readonly request: (type: string, data: object) => Promise<Readonly<Record<string, unknown>>>;
};

export type ConnectBody = {
  readonly peer_id: string;
  readonly reach: Reach;
  readonly with_relay: boolean;
  readonly ticket?: string;
};

export class ConnectSignals {
  readonly #hub: HubClient;
  readonly #lobby: string;
  readonly #stream: SignalStream;

  constructor(hub: HubClient, lobby: string, stream: SignalStream) {
    this.#hub = hub;
    this.#lobby = lobby;
    this.#stream = stream;
  }

  /** Resolves with the connection's id, and over HTTP with its whole state. */
  connect(body: ConnectBody): Promise<Connection | Pick<Connection, "connection_id">> {
    const path = `/lobbies/${this.#lobby}/connections`;
    return this.#hurry("connect", { lobby_id: this.#lobby, ...body }, path, body);
  }

  async accept(connection_id: string, reach: Reach): Promise<void> {
    await this.#hurry("accept", { connection_id, reach }, `/connections/${connection_id}/accept`, { reach });
  }

  /** Where this member can be introduced without being asked. An older hub refuses it, and then asks. */
  async standingReach(reach: Reach | null): Promise<void> {
    const data = { lobby_id: this.#lobby, ...(reach !== null && { reach }) };
    await this.#overStream("reach", data).catch(() => {});
  }

  /** Sends an opaque text to another member. */
  async signal(to: string, body: string): Promise<void> {
    if ((await this.#overStream("signal", { lobby_id: this.#lobby, to, body })) !== null) return;
    await this.#hub.request("POST", `/lobbies/${this.#lobby}/signals`, { to, body });
  }

  /**
   * Over the stream, and also over HTTP if the reply is late: loss may hold up one TCP connection for seconds. The hub
   * carries a repeated request out once.
   */
  #hurry<T>(type: string, data: object, path: string, body: object): Promise<T> {
    return new Promise<T>((done, failed) => {
      const overHttp = (): void => void this.#hub.request<T>("POST", path, body).then(done, failed);
      const late_ms = Math.max(LATE_MS_MIN, LATE_ROUND_TRIPS * (this.#stream.rtt_ms ?? 0));
      const timer = setTimeout(overHttp, late_ms);
      void this.#overStream(type, data)
        .then((reply) => (reply === null ? overHttp() : done(reply as T)), failed)
        .finally(() => clearTimeout(timer));
    });
  }

  /** Resolves with null if the stream is not open, or breaks before the reply. Repeating a request has no second effect. */
  async #overStream(type: string, data: object): Promise<Readonly<Record<string, unknown>> | null> {
    if (!this.#stream.isOpen) return null;
    return this.#stream.request(type, data).catch((error: unknown) => {
      if (error instanceof HubRefusal && error.code === "unreachable") return null;
      throw error;
    });
  }
}
