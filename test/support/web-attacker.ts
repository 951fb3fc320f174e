/** A member of a lobby that answers an introduction over WebRTC by forged contents with correct signatures. */
import { HubClient } from "../../clients/typescript/src/api/hub-client.ts";
import { EventStream, type HubEvent } from "../../clients/typescript/src/lobby/event-stream.ts";
import { type Role, type Signal, SignalSeal } from "../../clients/typescript/src/webrtc/signal-seal.ts";

export type Introduced = {
  readonly peer: string;
  readonly role: Role;
  readonly sendSignal: (signal: Signal) => Promise<void>;
};

export class WebAttacker {
  readonly #events: EventStream;
  readonly #lobby: string;
  readonly #told: HubEvent[] = [];
  #onEvent: () => void = () => {};

  private constructor(hub: HubClient, lobby: string) {
    this.#lobby = lobby;
    this.#events = new EventStream(hub, hub.token!, lobby);
    this.#events.on("event", (event) => {
      this.#told.push(event);
      this.#onEvent();
    });
  }

  /** Joins as a browser, and resolves once its event stream is open. */
  static async join(url: string, lobby: string): Promise<WebAttacker> {
    const hub = new HubClient(url);
    await hub.createIdentity();
    await hub.join(lobby, { paths: ["webrtc"] });
    const attacker = new WebAttacker(hub, lobby);
    await new Promise<void>((opened) => attacker.#events.once("opened", () => opened()));
    return attacker;
  }

  /** Requests a connection to the peer, and resolves with the introduction. */
  async meet(peer: string): Promise<Introduced> {
    const reach = { web: true, looks: [], local_endpoints: [], now_ms: 0, rtt_ms: 20 };
    await this.#events.request("connect", { lobby_id: this.#lobby, peer_id: peer, reach, with_relay: false });
    const { data } = await this.#next("connect.webrtc", peer);
    const { key, role } = data["pair_key"] as { key: string; role: Role };
    const seal = await SignalSeal.open(String(data["connection_id"]), key, role);
    const sendSignal = async (signal: Signal): Promise<void> =>
      void (await this.#events.request("signal", {
        lobby_id: this.#lobby,
        to: peer,
        body: await seal.seal(signal),
      }));
    return { peer, role, sendSignal };
  }

  close(): void {
    this.#events.close();
  }

  async #next(type: string, peer: string): Promise<HubEvent> {
    for (;;) {
      const found = this.#told.find(({ type: one, data }) => one === type && data["peer_id"] === peer);
      if (found !== undefined) return found;
      await new Promise<void>((event) => (this.#onEvent = event));
    }
  }
}
