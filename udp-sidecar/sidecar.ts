/**
 * A running sidecar: UDP ports, TCP ports, one game object per game, and two timers. `start` opens every socket and
 * `stop` closes every one, so that a test can run several sidecars in one process.
 */
import { randomBytes } from "node:crypto";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { DRAIN_MS, LEASE_CHECK_MS, SOURCES_MAX } from "#shared/limits.ts";
import type { Hello } from "#shared/link/messages.ts";
import type { Logger } from "pino";
import type { Config, Port } from "./config/config.ts";
import { Counters } from "./core/counters.ts";
import { RepeatTimer } from "./repeat-timer.ts";
import { Clock } from "./time/clock.ts";
import { HubTime } from "./time/hub-time.ts";
import { HubTimeProbe } from "./time/hub-time-probe.ts";
import { wallClock } from "./time/wall-clock.ts";
import { SendCredit } from "./core/send-credit.ts";
import { StunResponder } from "./core/stun-responder.ts";
import { createGame, type Game } from "./game.ts";
import { isStun } from "./protocols/stun.ts";
import { RelayService } from "./relay-service.ts";
import { Dtls } from "./sockets/dtls/dtls.ts";
import { createRelayPorts, type RelayPorts } from "./sockets/relay-ports.ts";
import type { StatusReadings } from "./sockets/metrics.ts";
import { serveStatus } from "./sockets/status.ts";
import type { TcpPort } from "./sockets/tcp-port.ts";
import { chooseUdpBackend, logBackend } from "./sockets/udp/udp-backend.ts";
import type { UdpBackend } from "./sockets/udp/udp-socket.ts";
import { UdpPorts } from "./sockets/udp.ts";
import { openTcpPorts } from "./tcp-ports.ts";

/** Internal errors that are logged with their stack; later ones are only counted, so that peers cannot fill the log. */
const FAULTS_LOGGED = 10;

export class Sidecar {
  readonly counters = new Counters();
  readonly #clock = new Clock();
  readonly #hubTime = new HubTime(() => performance.now(), wallClock);
  readonly #config: Config;
  readonly #log: Logger;
  readonly #games = new Map<string, Game>();
  /** One relay for all games and wires, or null. */
  readonly #udp: UdpBackend;
  readonly #relay: RelayPorts | null;
  readonly #relayService: RelayService;
  /** Null if STUN is off. */
  readonly #stun: StunResponder | null;
  readonly #repeats: RepeatTimer;
  readonly #credit = new SendCredit();
  readonly #epoch = randomBytes(12).toString("base64url");
  readonly #hubTimeProbe: HubTimeProbe;
  #ports: UdpPorts | null = null;
  #dtls: Dtls | null = null;
  #tcp: readonly TcpPort[] = [];
  #closeStatus: () => Promise<void> = () => Promise.resolve();
  /** Set while the sidecar retires; called when the last lobby is over. */
  #onRetired: (() => void) | null = null;
  #checkTimer: NodeJS.Timeout | null = null;
  /** The stalls of this process that are in the log. */
  #stallsLogged = 0;

  private constructor(config: Config, log: Logger, udp: UdpBackend) {
    this.#config = config;
    this.#udp = udp;
    this.#log = log;
    this.#hubTimeProbe = new HubTimeProbe(config.hub, this.#hubTime, this.#clock, log, () => this.#sendHello());
    this.#relay = createRelayPorts(config, this.counters, this.#clock, udp);
    this.#relayService = new RelayService(this.#relay, config, this.counters, this.#clock);
    this.#repeats = new RepeatTimer(this.#clock, () => [...this.#games.values()].map(({ exchange }) => exchange));
    this.#stun =
      config.stun === null
        ? null
        : new StunResponder(
            { source: config.stun, all: config.stun_all, sources_max: SOURCES_MAX },
            this.#credit,
            this.counters,
          );
  }

  /** Opens the ports and starts linking. Rejects with one sentence if a port cannot be opened. */
  static async start(config: Config, log: Logger): Promise<Sidecar> {
    const udp = await chooseUdpBackend(config.udp);
    const sidecar = new Sidecar(config, log, udp.backend);
    await sidecar.#start();
    logBackend(udp, log);
    return sidecar;
  }

  /** Whether every hub of every game has accepted its link. */
  get linked(): boolean {
    return [...this.#games.values()].every((game) => game.links.up);
  }

  /** Closes the ports, delivers waiting reports, sends goodbye to the hubs, drains the relay, and closes everything. */
  async stop(): Promise<void> {
    const relayed = this.#relay?.stop(this.#config.relay_drain_s * 1_000);
    if (this.#checkTimer !== null) clearInterval(this.#checkTimer);
    this.#repeats.stop();
    await Promise.all([...this.#tcp.map((port) => port.close()), this.#ports?.close()]);
    this.#dtls?.close();
    await Promise.all([...this.#games.values()].map((game) => game.links.stop(DRAIN_MS)));
    await relayed;
    await this.#relayService.close();
    await this.#closeStatus();
  }

  /** Accepts no new lobbies and asks the hubs to assign no peers here. Resolves when the last lobby is over. */
  retire(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onRetired = resolve;
    for (const { exchange } of this.#games.values()) exchange.retiring = true;
    this.#sendHello();
    return promise;
  }

  /** Reads the DTLS certificate again and sends it to the hubs. */
  reload(): void {
    this.#dtls?.reload();
    this.#sendHello();
  }

  async #start(): Promise<void> {
    const { ports, status } = this.#config;
    const onFault = (error: unknown): void => this.#logFault(error);
    this.#dtls = await Dtls.open(this.#config, this.#log);
    try {
      this.#ports = await UdpPorts.open(
        this.#config,
        { onDatagram: (bytes, from, port, via) => this.#handleDatagram(bytes, from, port, via), onFault },
        this.counters,
        this.#dtls,
        this.#clock,
        this.#udp,
      );
      for (const name of new Set(ports.map((port) => port.game))) this.#games.set(name, this.#createGame(name));
      this.#tcp = await openTcpPorts(this.#config, (name) => this.#games.get(name)!, {
        counters: this.counters,
        clock: this.#clock,
        onFault,
      });
      await this.#relayService.openTunnels(onFault);
      if (status !== null) this.#closeStatus = await serveStatus(status, this.#readings(), this.counters);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#checkReceiveBuffer(this.#ports.granted_bytes);
    this.#checkTimer = setInterval(() => this.#checkExpiries(), LEASE_CHECK_MS);
  }

  #checkReceiveBuffer(granted: number): void {
    const requested = this.#config.receive_buffer_bytes;
    if (granted >= requested) return;
    const advice = `raise net.core.rmem_max to ${requested}, or lower PARLEY_RECEIVE_BUFFER_BYTES`;
    this.#log.info({ requested, granted, advice }, "the kernel granted a smaller receive buffer");
  }

  #createGame(name: string): Game {
    return createGame(name, {
      config: this.#config,
      log: this.#log,
      counters: this.counters,
      clock: this.#clock,
      hubTime: this.#hubTime,
      relay: this.#relay,
      relayService: this.#relayService,
      credit: this.#credit,
      hello: () => this.#hello(),
      send: (via, to, bytes) => this.#ports?.send(via, to, bytes),
      scheduleRepeats: () => this.#repeats.schedule(),
    });
  }

  #hello(): Pick<Hello, "epoch" | "relay" | "clock_skew_s" | "retiring" | "dtls"> {
    return {
      epoch: this.#epoch,
      ...(this.#relay !== null && { relay: { addresses: this.#relay.addresses, pairs: this.#relay.pairs } }),
      ...(this.#hubTimeProbe.reported_s !== 0 && { clock_skew_s: this.#hubTimeProbe.reported_s }),
      ...(this.#onRetired !== null && { retiring: true }),
      ...(this.#dtls !== null && { dtls: this.#dtls.advertised }),
    };
  }

  /** To every hub, because something in it has changed. */
  #sendHello(): void {
    for (const { links } of this.#games.values()) links.sendHello();
  }

  #handleDatagram(bytes: Uint8Array, endpoint: Endpoint, port: Port, via: number): void {
    const now = this.#clock.now();
    // STUN belongs to no game: every port answers it.
    if (this.#stun !== null && isStun(bytes)) {
      const response = this.#stun.handleMessage(bytes, endpoint, now);
      if (response !== null) this.#ports?.send(via, endpoint, response);
      return;
    }
    const { exchange } = this.#games.get(port.game)!;
    exchange.handleDatagram({ bytes, endpoint, via, exclusive: port.wires.length === 1 }, port.wires, now);
  }

  #checkExpiries(): void {
    const now = this.#clock.now();
    this.#relay?.relay.expire(now);
    this.#ports?.tick(now);
    for (const { exchange, noray, nohub } of this.#games.values()) {
      exchange.checkLeases(now);
      noray?.expire(now);
      nohub.lobbies.expire(now);
    }
    this.#logStall();
    this.#hubTimeProbe.tick();
    const occupied = [...this.#games.values()].some(({ exchange }) => exchange.contacts.size > 0);
    if (!occupied && (this.#relay?.relay.size ?? 0) === 0) this.#onRetired?.();
  }

  /** After a suspension every peer seemed silent; the operator sees here that the machine was the cause. */
  #logStall(): void {
    const { stalls, ms } = this.#clock.skipped;
    if (stalls === this.#stallsLogged) return;
    this.#stallsLogged = stalls;
    this.#log.warn(
      { stalls, skipped_ms: Math.round(ms) },
      "this process did not run for a while: the machine was suspended or overloaded; leases were extended",
    );
  }

  /** A peer's datagram that triggers an internal error must neither end the process nor fill the log. */
  #logFault(error: unknown): void {
    this.counters.add("socket_errors", "fault");
    if (this.counters.get("socket_errors", "fault") <= FAULTS_LOGGED) {
      this.#log.error(error, "internal error while handling a datagram");
    }
  }

  #readings(): StatusReadings {
    const games = this.#games;
    const sum = (read: (game: Game) => number): number =>
      [...games.values()].reduce((all, game) => all + read(game), 0);
    return {
      linked: () => this.linked,
      retiring: () => this.#onRetired !== null,
      contacts: () => sum((game) => game.exchange.contacts.size),
      connections: () => sum((game) => (game.noray?.connections ?? 0) + game.nohub.size),
      hosts: () => sum((game) => game.noray?.hosts ?? 0),
      waiting: () => sum((game) => game.links.waiting),
      clock_skew_s: () => (this.#hubTime.skew_ms ?? 0) / 1_000,
      stalled_s: () => this.#clock.skipped.ms / 1_000,
      is_batched: () => this.#udp.name === "batched",
      receive_buffer_bytes: () => this.#ports?.granted_bytes ?? 0,
      dtls: {
        live: () => this.#ports?.sessions?.live ?? 0,
        handshaking: () => this.#ports?.sessions?.handshaking ?? 0,
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
