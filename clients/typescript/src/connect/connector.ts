/**
 * Who is introduced to whom in one lobby: asks the hub, accepts for whoever asks, looks where this machine is just before,
 * and hands what the hub says to the peer it is about (peer.ts). The flow is in docs/reference/connect.md.
 */
import { type Hub, HubRefusal } from "../api/hub-client.ts";
import type { Outcome } from "../punch/punch.ts";
import type { Observer } from "./reflexive-probe.ts";
import * as limits from "./limits.ts";
import { type Meeting, type Reach, readMeeting, readRelay } from "./introduction.ts";
import { Peer } from "./peer.ts";

export type ConnectOptions = {
  /** A relay carries at once, and the direct path takes over as soon as there is one. */
  readonly relay?: boolean;
  /** That the peer gave you, where he lets nobody in without one. */
  readonly ticket?: string;
};

export type Around = {
  readonly hub: Hub;
  readonly lobby: string;
  readonly observer: Observer;
  /** Some hundred sockets and some thousand datagrams are agreed to, should they be needed. */
  readonly birthday: boolean;
  readonly rtt_ms: () => number;
  /** Somebody wants to be asked first; the answer decides. */
  readonly mayConnect: (peer: string) => Promise<boolean>;
  /** A peer has its first path. */
  readonly met: (peer: Peer) => void;
};

type View = {
  readonly connection_id: string;
  readonly peer_id: string;
  readonly consent: string;
  readonly asked: boolean;
  readonly state: string;
  readonly wants_reach: boolean;
  readonly punch?: Readonly<Record<string, unknown>>;
  readonly relay?: Readonly<Record<string, unknown>>;
};

type Pair = {
  readonly peer: Peer;
  options: ConnectOptions;
  /** We asked, the last time. */
  asked: boolean;
  connection: string | null;
  /** An introduction goes on until then, unless it ends before. */
  busyUntil: number;
  /** Introductions that have failed since the last that did not. */
  attempt: number;
  epoch: number | null;
  /** UDP got out when it was last looked at. */
  udp: boolean;
  /** Already carried out, or reported. */
  begun: string;
  reported: string;
  relayAskedAt: number;
  met: boolean;
};

export class Introductions {
  readonly #around: Around;
  readonly #pairs = new Map<string, Pair>();

  constructor(around: Around) {
    this.#around = around;
  }

  get peers(): Peer[] {
    return Array.from(this.#pairs.values(), ({ peer }) => peer);
  }

  /** Asks for this member; the same peer where there is one. */
  connect(id: string, options: ConnectOptions): Peer {
    const pair = this.#pair(id);
    pair.options = options;
    if (pair.peer.path === null) void this.#ask(pair);
    return pair.peer;
  }

  /** What the hub tells: whether it is of a connection. */
  hear(type: string, data: Readonly<Record<string, unknown>>): boolean {
    if (!type.startsWith("connect.")) return false;
    const meeting = readMeeting(type, data);
    if (meeting !== null) this.#meet(meeting);
    return true;
  }

  /** The hub may have told what nobody here heard. */
  async resume(): Promise<void> {
    const { hub, lobby } = this.#around;
    const told = await hub.ask<{ connections: View[] }>("GET", `/lobbies/${lobby}/connections`).catch(() => null);
    for (const view of told?.connections ?? []) this.#look(view);
    for (const pair of this.#pairs.values()) if (pair.peer.path !== "direct" && pair.asked) void this.#ask(pair);
  }

  /** This machine has another address. */
  moved(): void {
    this.#around.observer.forget();
    for (const pair of this.#pairs.values()) {
      pair.busyUntil = 0;
      pair.attempt = 0;
      pair.peer.moved();
    }
  }

  /** A member has gone. */
  left(id: string): void {
    this.#pairs.get(id)?.peer.close("The peer has left the lobby.");
  }

  close(): void {
    for (const { peer } of this.#pairs.values()) peer.close();
  }

  // --- asking and accepting ------------------------------------------------------------------------------------

  async #ask(pair: Pair, needsRelay = false): Promise<void> {
    if (pair.peer.isClosed || isBusy(pair)) return;
    busy(pair);
    pair.asked = true;
    const { hub, lobby } = this.#around;
    const { relay = false, ticket } = pair.options;
    const wants = relay || needsRelay || (pair.peer.path !== "direct" && !pair.peer.hasRelay && pair.attempt > 0);
    try {
      const reach = await this.#reach(pair);
      const said = { peer_id: pair.peer.id, reach, relay: wants, ...(ticket !== undefined && { ticket }) };
      const view = await hub.ask<View>("POST", `/lobbies/${lobby}/connections`, said);
      pair.connection = view.connection_id;
    } catch (error) {
      pair.busyUntil = 0;
      this.#refused(pair, error);
    }
  }

  async #accept(pair: Pair, connection: string): Promise<void> {
    busy(pair);
    pair.connection = connection;
    try {
      const reach = await this.#reach(pair);
      await this.#around.hub.ask("POST", `/connections/${connection}/accept`, { reach });
    } catch (error) {
      pair.busyUntil = 0;
      this.#refused(pair, error);
    }
  }

  /** What is not to be had now may be later, once there was something; else it is over. */
  #refused({ peer }: Pair, error: unknown): void {
    if (peer.path === null && !peer.hasKey) peer.close(error instanceof Error ? error.message : String(error));
    else peer.unpunchable();
  }

  /** Looks just before it is said. After a failure the router may hold a grudge against the socket: another one plays. */
  async #reach(pair: Pair): Promise<Reach> {
    const { peer, attempt, epoch } = pair;
    const { observer, birthday, rtt_ms } = this.#around;
    if (attempt > 0) peer.renewSocket();
    await peer.sockets.bind(peer.socket);
    const gathered = await observer.gather(peer.sockets, peer.socket, peer.questions);
    pair.udp = gathered.looks.length > 0;
    return {
      ...gathered,
      rtt_ms: rtt_ms(),
      birthday,
      attempt: Math.min(attempt, 15),
      ...(epoch !== null && { epoch }),
    };
  }

  async #consider(pair: Pair, { connection_id, peer_id, consent }: Meeting & { type: "requested" }): Promise<void> {
    if (consent === "ask" && !(await this.#around.mayConnect(peer_id))) {
      if (pair.peer.path === null) pair.peer.close("It was denied here.");
      return void (await this.#around.hub.ask("DELETE", `/connections/${connection_id}`).catch(() => {}));
    }
    pair.asked = false;
    await this.#accept(pair, connection_id);
  }

  // --- what is told --------------------------------------------------------------------------------------------

  #meet(meeting: Meeting): void {
    const known = this.#pairs.get(meeting.peer_id);
    if (meeting.type === "requested") return void this.#consider(known ?? this.#pair(meeting.peer_id), meeting);
    if (known === undefined) return;
    const pair = known;
    const { peer } = pair;
    switch (meeting.type) {
      case "accepted":
        return void this.#accept(pair, meeting.connection_id);
      case "punch":
        if (pair.begun === meeting.connection_id) return;
        pair.begun = pair.connection = meeting.connection_id;
        pair.epoch = meeting.key.epoch;
        peer.reason = meeting.reason;
        peer.begin(meeting.plan, meeting.key, meeting.start_in_ms);
        break;
      case "relay":
        if (meeting.key !== null) pair.epoch = meeting.key.epoch;
        if (meeting.reason !== null) peer.reason = meeting.reason;
        pair.connection = meeting.connection_id;
        peer.relayAt(meeting.relay, meeting.key);
        if (pair.begun === meeting.connection_id) return;
        // Nothing is tried: this is all there is for now.
        pair.busyUntil = 0;
        peer.unpunchable();
        if (!pair.udp) peer.openTunnel();
        this.#report(pair, { path: pair.udp ? "relay" : "stream" });
        break;
      case "failed":
        pair.busyUntil = 0;
        peer.reason = `${meeting.reason}: ${meeting.debug}`;
        if (peer.hasKey) peer.unpunchable();
        else peer.close(peer.reason);
    }
  }

  /** The same of a connection as it is now. */
  #look(view: View): void {
    if (view.state === "over") return;
    const whose = { connection_id: view.connection_id, peer_id: view.peer_id };
    if (view.punch !== undefined) this.hear("connect.punch", { ...view.punch, ...whose });
    if (view.relay !== undefined) this.hear("connect.relay", { ...view.relay, ...whose });
    if (view.wants_reach || (view.state === "waiting" && !view.asked)) {
      this.hear(view.asked ? "connect.accepted" : "connect.requested", { consent: view.consent, ...whose });
    }
  }

  // --- what becomes of it --------------------------------------------------------------------------------------

  #punched(pair: Pair, outcome: Outcome, sent: number): void {
    const { peer } = pair;
    pair.busyUntil = 0;
    if (outcome.kind === "opened") {
      pair.attempt = 0;
      const times = { ms: Math.max(0, Math.round(outcome.after_ms)), rtt_ms: Math.round(outcome.rtt_ms) };
      return this.#report(pair, { path: "direct", ...times });
    }
    pair.attempt++;
    this.#report(pair, { path: peer.hasRelay ? "relay" : "none", reason: `${outcome.why}, ${sent} sent` });
    if (pair.attempt < limits.TRIES_AT_ONCE && pair.asked) void this.#ask(pair);
    if (!peer.hasRelay) void this.#needRelay(pair);
  }

  /** Once for each introduction. */
  #report(pair: Pair, said: object): void {
    const { connection } = pair;
    if (connection === null || connection === pair.reported) return;
    pair.reported = connection;
    void this.#around.hub.ask("PUT", `/connections/${connection}/outcome`, said).catch(() => {});
  }

  /** A direct path is wished for. Who asked asks again; the other one, if that leads to nothing. */
  #upgrade(pair: Pair): void {
    if (pair.asked) return void this.#ask(pair);
    setTimeout(() => {
      if (pair.peer.path !== "direct") void this.#ask(pair);
    }, limits.ASKED_WAITS_MS).unref();
  }

  async #needRelay(pair: Pair): Promise<void> {
    const { hub, lobby } = this.#around;
    const { connection, peer } = pair;
    const now = performance.now();
    if (connection === null || peer.isClosed || now - pair.relayAskedAt < limits.RELAY_AGAIN_MS) return;
    pair.relayAskedAt = now;
    try {
      const relay = readRelay(await hub.ask("POST", `/lobbies/${lobby}/relays`, { connection_id: connection }));
      if (relay !== null) peer.relayAt(relay, null);
    } catch (error) {
      // The hub has forgotten the two by now: they are introduced anew.
      if (!(error instanceof HubRefusal)) throw error;
      void this.#ask(pair, true);
    }
  }

  /** UDP does not get out, or the sidecar has died: a WebSocket carries meanwhile, and another relay is asked for. */
  #relaySilent(pair: Pair): void {
    if (pair.peer.path === "direct") return;
    pair.peer.openTunnel();
    if (pair.udp) {
      pair.attempt++;
      void this.#ask(pair);
    }
  }

  // -------------------------------------------------------------------------------------------------------------

  #pair(id: string): Pair {
    const known = this.#pairs.get(id);
    if (known !== undefined) return known;
    const peer = new Peer(id, {
      upgrade: () => this.#upgrade(pair),
      punched: (outcome, sent) => this.#punched(pair, outcome, sent),
      pathless: () => void this.#needRelay(pair),
      relaySilent: () => this.#relaySilent(pair),
      closed: () => {
        if (this.#pairs.get(id) === pair) this.#pairs.delete(id);
      },
    });
    const pair: Pair = {
      peer,
      options: {},
      asked: false,
      connection: null,
      busyUntil: 0,
      attempt: 0,
      epoch: null,
      udp: true,
      begun: "",
      reported: "",
      relayAskedAt: -Infinity,
      met: false,
    };
    peer.on("path", ({ path }) => {
      if (path === null || pair.met) return;
      pair.met = true;
      this.#around.met(peer);
    });
    this.#pairs.set(id, pair);
    return pair;
  }
}

const isBusy = ({ busyUntil }: Pair): boolean => performance.now() < busyUntil;

const busy = (pair: Pair): void => void (pair.busyUntil = performance.now() + limits.INTRODUCTION_MS);
