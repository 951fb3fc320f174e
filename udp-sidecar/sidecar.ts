/**
 * A running sidecar: ports in front, one exchange per game, links behind, and one timer for what is due.
 * Everything it needs is given to it; starting one opens sockets, stopping it closes them.
 */
import { randomBytes } from "node:crypto";
import { type Endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import { DRAIN_MS, LEASE_LOOK_MS, REPEATS_MAX, SOURCES_MAX } from "#shared/limits.ts";
import { type Hello, LINK_VERSION } from "#shared/link/messages.ts";
import { VERSION } from "#shared/version.ts";
import type { Logger } from "pino";
import type { RelayNotice } from "./relay/allocation.ts";
import type { Config, Port } from "./config/config.ts";
import { RelayService } from "./relay-service.ts";
import { toAnswer, Exchange } from "./core/exchange.ts";
import { ShardLinks } from "./link/shard-links.ts";
import { LobbyListCache } from "./core/lobby-list-cache.ts";
import { StunResponder } from "./core/stun-responder.ts";
import { dowsett } from "./protocols/dowsett.ts";
import { native } from "./protocols/native.ts";
import { noray } from "./protocols/noray.ts";
import { rabid } from "./protocols/rabid.ts";
import { isStun } from "./protocols/stun.ts";
import { createRelayPorts, type RelayPorts } from "./sockets/relay-ports.ts";
import { Dtls } from "./sockets/dtls/dtls.ts";
import { NorayTcp } from "./sockets/noray-tcp.ts";
import { serveStatus } from "./sockets/status.ts";
import { UdpPorts } from "./sockets/udp.ts";
import { NO_HOSTS, type NorayOutput as SwitchboardOut, NoraySessions } from "./noray/sessions.ts";
import { Counters } from "./core/counters.ts";
import { GameTicketVerifier } from "./link/ticket-verifier.ts";

/** Faults of ours that are logged with their stack; further ones are only counted. */
const FAULTS_LOGGED = 10;

type Game = { readonly exchange: Exchange; readonly links: ShardLinks; readonly noray: NoraySessions | null };

export class Sidecar {
  readonly counters = new Counters();
  readonly #config: Config;
  readonly #log: Logger;
  readonly #games = new Map<string, Game>();
  /** One for all games and wires, or null. */
  readonly #relay: RelayPorts | null;
  readonly #relayService: RelayService;
  /** STUN's, or null. */
  readonly #stun: StunResponder | null;
  readonly #epoch = randomBytes(12).toString("base64url");
  #ports: UdpPorts | null = null;
  #dtls: Dtls | null = null;
  #noray: NorayTcp | null = null;
  #closeStatus: () => Promise<void> = () => Promise.resolve();
  /** Called once nothing is left, while it retires. */
  #onRetired: (() => void) | null = null;
  #checkTimer: NodeJS.Timeout | null = null;
  #repeatTimer: { readonly timer: NodeJS.Timeout; readonly due: number } | null = null;

  private constructor(config: Config, log: Logger) {
    this.#config = config;
    this.#log = log;
    this.#relay = createRelayPorts(config, this.counters);
    this.#relayService = new RelayService(this.#relay, config, this.counters);
    this.#stun =
      config.stun === null
        ? null
        : new StunResponder({ source: config.stun, all: config.stun_all, sources_max: SOURCES_MAX }, this.counters);
  }

  /** Opens the ports and starts linking. Rejects with one sentence where a port cannot be had. */
  static async start(config: Config, log: Logger): Promise<Sidecar> {
    const sidecar = new Sidecar(config, log);
    await sidecar.#start();
    return sidecar;
  }

  /** Every hub of every game listens. */
  get linked(): boolean {
    return [...this.#games.values()].every((game) => game.links.up);
  }

  /** Stops hearing, delivers what waits, says goodbye to the hub, lets the relay end, closes everything. */
  async stop(): Promise<void> {
    const relayed = this.#relay?.stop(this.#config.relay_drain_s * 1_000);
    if (this.#checkTimer !== null) clearInterval(this.#checkTimer);
    if (this.#repeatTimer !== null) clearTimeout(this.#repeatTimer.timer);
    await Promise.all([this.#noray?.close(), this.#ports?.close()]);
    this.#dtls?.close();
    await Promise.all([...this.#games.values()].map((game) => game.links.stop(DRAIN_MS)));
    await relayed;
    await this.#relayService.close();
    await this.#closeStatus();
  }

  /** Takes no new lobbies from now on and asks the hubs to send nobody here; resolves when the last one is over. */
  retire(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onRetired = resolve;
    for (const { exchange, links } of this.#games.values()) {
      exchange.retiring = true;
      links.sendHello();
    }
    return promise;
  }

  /** Reads the certificate again, and tells the hubs. */
  reload(): void {
    this.#dtls?.reload();
    for (const { links } of this.#games.values()) links.sendHello();
  }

  async #start(): Promise<void> {
    const { ports, listen, noray, receive_buffer_bytes, status } = this.#config;
    const fault = (error: unknown): void => this.#logFault(error);
    const on = {
      datagram: (bytes: Uint8Array, endpoint: Endpoint, port: Port, via: number): void => {
        if (this.#stun !== null && isStun(bytes)) return this.#answerStun(this.#stun, bytes, endpoint, via);
        const game = this.#games.get(port.game)!;
        game.exchange.handleDatagram({ bytes, endpoint, via, exclusive: port.wires.length === 1 }, port.wires, Date.now());
      },
      fault,
    };
    this.#dtls = await Dtls.open(this.#config, this.#log);
    try {
      this.#ports = await UdpPorts.open(this.#config, on, this.counters, this.#dtls);
      for (const name of new Set(ports.map((port) => port.game))) this.#games.set(name, this.#openGame(name));
      if (noray !== null) {
        const { noray: switchboard } = this.#games.get(noray.game)!;
        const addresses = noray.address === null ? listen : [noray.address];
        this.#noray = await NorayTcp.open(addresses, noray.port, switchboard!, this.counters, fault);
      }
      await this.#relayService.openTunnels(fault);
      if (status !== null) this.#closeStatus = await serveStatus(status, this.#readings(), this.counters);
    } catch (error) {
      await this.stop();
      throw error;
    }
    const granted = this.#ports.granted_bytes;
    if (granted < receive_buffer_bytes) {
      const advice = `raise net.core.rmem_max to ${receive_buffer_bytes}, or lower PARLEY_RECEIVE_BUFFER_BYTES`;
      this.#log.info({ asked: receive_buffer_bytes, granted, advice }, "the kernel grants a smaller receive buffer");
    }
    this.#checkTimer = setInterval(() => this.#checkExpiries(), LEASE_LOOK_MS);
  }

  /** STUN is no game's: every port speaks it. */
  #answerStun(mirror: StunResponder, bytes: Uint8Array, from: Endpoint, via: number): void {
    const said = mirror.handleMessage(bytes, from, Date.now());
    if (said !== null) this.#ports?.send(via, from, said);
  }

  #openGame(game: string): Game {
    const { hub, key, ports } = this.#config;
    const switchboard: NoraySessions | null =
      this.#config.noray?.game === game ? this.#createNoraySessions(game, () => exchange) : null;
    const limits = { ...this.#config, sources_max: SOURCES_MAX, repeats_max: REPEATS_MAX };
    const tickets = new GameTicketVerifier(game);
    this.#relayService.addGame(game, tickets);
    const exchange: Exchange = new Exchange(
      [
        native(tickets),
        rabid,
        dowsett({ sharesLocal: this.#config.local_addresses === "always" }),
        noray(this.#config.noray_pid, switchboard ?? NO_HOSTS),
      ],
      limits,
      {
        send: (via, to, bytes) => this.#ports?.send(via, to, bytes),
        report: (report) => links.report(report),
        listLobbies: (wire) => lists.get(wire, Date.now()),
        pendingFrom: (address) => links.pendingFrom(address),
        isLinked: (wire, name) => links.isLinked(wire, name),
      },
      this.counters,
    );
    const lists = new LobbyListCache(hub, key, game);
    const hello = (): Hello => ({
      t: "hello",
      version: LINK_VERSION,
      sidecar: this.#config.name,
      epoch: this.#epoch,
      region: this.#config.region,
      addresses: this.#config.addresses,
      ports: ports.filter((port) => port.game === game).map(({ port, wires }) => ({ port, wires })),
      ...(this.#relay !== null && { relay: { addresses: this.#relay.addresses, pairs: this.#relay.pairs } }),
      ...(switchboard !== null && { noray: this.#config.noray!.port }),
      ...this.#relayService.advertised,
      software: VERSION,
      ...(this.#onRetired !== null && { retiring: true }),
      ...(this.#dtls !== null && { dtls: this.#dtls.advertised }),
    });
    const links = new ShardLinks({
      hub,
      key,
      game,
      tickets,
      hello,
      log: this.#log,
      tally: this.counters,
      handlers: {
        onRelayMessage: (message, say) => this.#relayService.handleMessage(game, message, say),
        onMembers: (items, behind) => {
          exchange.syncMembers(items, behind, Date.now());
          switchboard?.resync(behind);
          this.#scheduleRepeats();
        },
        onReplies: (items, reportAt) => {
          const now = Date.now();
          for (const item of items) {
            if ("to" in item) exchange.deliverNotice(item, now);
            else {
              const report = reportAt(item.ref);
              if (report !== undefined) exchange.handleAnswer(report, toAnswer(item));
            }
          }
          this.#scheduleRepeats();
        },
      },
    });
    return { exchange, links, noray: switchboard };
  }

  #createNoraySessions(game: string, exchange: () => Exchange): NoraySessions {
    const relay = this.#relay;
    const { noray_oid, noray_pid, noray_lookup, noray_connections, ...config } = this.#config;
    const limits = {
      oid: noray_oid,
      pid: noray_pid,
      hosts_max: config.contacts_max,
      hosts_per_source_max: config.lobbies_per_source_max,
      connections_max: noray_connections.max,
      connections_per_source_max: noray_connections.per_source_max,
      registration: config.stranger,
      lookup: noray_lookup,
      sources_max: SOURCES_MAX,
    };
    const out: SwitchboardOut = {
      contact: (oid) => exchange().contacts.find("noray", oid, oid),
      reportAs: (contact, said, at) => exchange().reportAs(contact, said, at),
      disconnect: (contact) => exchange().disconnect(contact),
      reportHost: (said, seen) => exchange().reportAs({ ...seen, wire: "noray" }, said),
      random: randomBytes,
      allocateRelay: (parties, limited) => {
        const told = (notice: RelayNotice): void => {
          if (notice.kind !== "ended") limited(notice.kind === "limited" ? notice.reason : "closing");
        };
        const made = relay?.relay.allocate({ game, parties, onNotice: told }, Date.now());
        return made !== undefined && "ports" in made ? made.ports : null;
      },
      peerMoved: (party, seen) => relay?.relay.peerMoved(game, party, seen, Date.now()),
      peerLeft: (party) => relay?.relay.peerLeft(game, party),
      relay_address: relay?.addresses.find(isIPv4) ?? null,
    };
    return new NoraySessions(limits, out, this.counters);
  }

  #checkExpiries(): void {
    const now = Date.now();
    this.#relay?.relay.expire(now);
    this.#ports?.tick(now);
    for (const { exchange, noray: switchboard } of this.#games.values()) {
      exchange.checkLeases(now);
      switchboard?.expire(now);
    }
    const left = [...this.#games.values()].some(({ exchange }) => exchange.contacts.size > 0);
    if (!left && (this.#relay?.relay.size ?? 0) === 0) this.#onRetired?.();
  }

  /** Our own bug; whoever found it must not be able to end us, nor to fill the log. */
  #logFault(error: unknown): void {
    this.counters.add("socket_errors", "fault");
    if (this.counters.get("socket_errors", "fault") <= FAULTS_LOGGED) this.#log.error(error, "what came was too much");
  }

  /** One timer for everything that is to be said again, so that what belongs together leaves together. */
  #scheduleRepeats(): void {
    let due = Infinity;
    for (const { exchange } of this.#games.values()) due = Math.min(due, exchange.nextRepeatAt ?? Infinity);
    if (due === Infinity || (this.#repeatTimer !== null && this.#repeatTimer.due <= due)) return;
    if (this.#repeatTimer !== null) clearTimeout(this.#repeatTimer.timer);
    const timer = setTimeout(
      () => {
        this.#repeatTimer = null;
        const now = Date.now();
        for (const { exchange } of this.#games.values()) exchange.sendRepeats(now);
        this.#scheduleRepeats();
      },
      Math.max(0, due - Date.now()),
    );
    this.#repeatTimer = { timer, due };
  }

  #readings() {
    const games = this.#games;
    const sum = (read: (game: Game) => number): number =>
      [...games.values()].reduce((all, game) => all + read(game), 0);
    return {
      linked: () => this.linked,
      retiring: () => this.#onRetired !== null,
      contacts: () => sum((game) => game.exchange.contacts.size),
      connections: () => sum((game) => game.noray?.connections ?? 0),
      hosts: () => sum((game) => game.noray?.hosts ?? 0),
      waiting: () => sum((game) => game.links.waiting),
      receive_buffer_bytes: () => this.#ports?.granted_bytes ?? 0,
      dtls: {
        live: () => this.#ports?.sessions?.live ?? 0,
        shaking: () => this.#ports?.sessions?.handshaking ?? 0,
        expires_at: () => this.#dtls?.expires_at ?? 0,
      },
      relay: {
        free: () => this.#relay?.free ?? 0,
        used: () => this.#relay?.used ?? 0,
        allocations: () => this.#relay?.relay.size ?? 0,
        packets: () => this.#relay?.relay.packets ?? 0,
        bytes: () => this.#relay?.relay.bytes ?? 0,
        tunnels: () => this.#relayService.tunnels,
      },
    };
  }
}
