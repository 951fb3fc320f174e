/**
 * The requests of an introduction: over the open event stream, which takes half a round trip, or over HTTP without one.
 */
import { type HubClient, HubRefusal } from "./hub-client.ts";
import type { Connection, Reach } from "./types.ts";

/** The client's half of the event stream. */
export type SignalStream = {
  readonly isOpen: boolean;
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

  /** Resolves with the connection's id. */
  async connect(body: ConnectBody): Promise<string> {
    const id = await this.#overStream("connect", { lobby_id: this.#lobby, ...body });
    if (id !== null) return String(id["connection_id"]);
    const view = await this.#hub.request<Connection>("POST", `/lobbies/${this.#lobby}/connections`, body);
    return view.connection_id;
  }

  async accept(connection_id: string, reach: Reach): Promise<void> {
    if ((await this.#overStream("accept", { connection_id, reach })) !== null) return;
    await this.#hub.request("POST", `/connections/${connection_id}/accept`, { reach });
  }

  /** Sends an opaque text to another member. */
  async signal(to: string, body: string): Promise<void> {
    if ((await this.#overStream("signal", { lobby_id: this.#lobby, to, body })) !== null) return;
    await this.#hub.request("POST", `/lobbies/${this.#lobby}/signals`, { to, body });
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
