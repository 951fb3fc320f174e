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
import { Desk } from "./relay-service.ts";
import { answerOf, Exchange } from "./core/exchange.ts";
import { Links } from "./link/shard-links.ts";
import { Lists } from "./core/lobby-list-cache.ts";
import { Mirror } from "./core/stun-responder.ts";
import { dowsett } from "./protocols/dowsett.ts";
import { native } from "./protocols/native.ts";
import { noray } from "./protocols/noray.ts";
import { rabid } from "./protocols/rabid.ts";
import { isStun } from "./protocols/stun.ts";
import { relayOf, type RelayPorts } from "./sockets/relay-ports.ts";
import { Dtls } from "./sockets/dtls/dtls.ts";
import { NorayTcp } from "./sockets/noray-tcp.ts";
import { serveStatus } from "./sockets/status.ts";
import { UdpPorts } from "./sockets/udp.ts";
import { NOBODY, type Out as SwitchboardOut, Switchboard } from "./noray/sessions.ts";
import { Tally } from "./core/counters.ts";
import { Tickets } from "./link/ticket-verifier.ts";

/** Faults of ours that are logged with their stack; further ones are only counted. */
const FAULTS_LOGGED = 10;

type Game = { readonly exchange: Exchange; readonly links: Links; readonly switchboard: Switchboard | null };

export class Sidecar {
  readonly tally = new Tally();
  readonly #config: Config;
  readonly #log: Logger;
  readonly #games = new Map<string, Game>();
  /** One for all games and wires, or null. */
  readonly #relay: RelayPorts | null;
  readonly #desk: Desk;
  /** STUN's, or null. */
  readonly #mirror: Mirror | null;
  readonly #epoch = randomBytes(12).toString("base64url");
  #ports: UdpPorts | null = null;
  #dtls: Dtls | null = null;
  #noray: NorayTcp | null = null;
  #closeStatus: () => Promise<void> = () => Promise.resolve();
  /** Called once nothing is left, while it retires. */
  #retiring: (() => void) | null = null;
  #looking: NodeJS.Timeout | null = null;
  #repeating: { readonly timer: NodeJS.Timeout; readonly due: number } | null = null;

  private constructor(config: Config, log: Logger) {
    this.#config = config;
    this.#log = log;
    this.#relay = relayOf(config, this.tally);
    this.#desk = new Desk(this.#relay, config, this.tally);
    this.#mirror =
      config.stun === null
        ? null
        : new Mirror({ source: config.stun, all: config.stun_all, sources_max: SOURCES_MAX }, this.tally);
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
    if (this.#looking !== null) clearInterval(this.#looking);
    if (this.#repeating !== null) clearTimeout(this.#repeating.timer);
    await Promise.all([this.#noray?.close(), this.#ports?.close()]);
    this.#dtls?.close();
    await Promise.all([...this.#games.values()].map((game) => game.links.stop(DRAIN_MS)));
    await relayed;
    await this.#desk.close();
    await this.#closeStatus();
  }

  /** Takes no new lobbies from now on and asks the hubs to send nobody here; resolves when the last one is over. */
  retire(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#retiring = resolve;
    for (const { exchange, links } of this.#games.values()) {
      exchange.retiring = true;
      links.greet();
    }
    return promise;
  }

  /** Reads the certificate again, and tells the hubs. */
  reload(): void {
    this.#dtls?.reload();
    for (const { links } of this.#games.values()) links.greet();
  }

  async #start(): Promise<void> {
    const { ports, listen, noray, receive_buffer_bytes, status } = this.#config;
    const fault = (error: unknown): void => this.#fault(error);
    const on = {
      datagram: (bytes: Uint8Array, endpoint: Endpoint, port: Port, via: number): void => {
        if (this.#mirror !== null && isStun(bytes)) return this.#reflect(this.#mirror, bytes, endpoint, via);
        const game = this.#games.get(port.game)!;
        game.exchange.hear({ bytes, endpoint, via, exclusive: port.wires.length === 1 }, port.wires, Date.now());
      },
      fault,
    };
    this.#dtls = await Dtls.open(this.#config, this.#log);
    try {
      this.#ports = await UdpPorts.open(this.#config, on, this.tally, this.#dtls);
      for (const name of new Set(ports.map((port) => port.game))) this.#games.set(name, this.#open(name));
      if (noray !== null) {
        const { switchboard } = this.#games.get(noray.game)!;
        const addresses = noray.address === null ? listen : [noray.address];
        this.#noray = await NorayTcp.open(addresses, noray.port, switchboard!, this.tally, fault);
      }
      await this.#desk.open(fault);
      if (status !== null) this.#closeStatus = await serveStatus(status, this.#readings(), this.tally);
    } catch (error) {
      await this.stop();
      throw error;
    }
    const granted = this.#ports.granted_bytes;
    if (granted < receive_buffer_bytes) {
      const advice = `raise net.core.rmem_max to ${receive_buffer_bytes}, or lower PARLEY_RECEIVE_BUFFER_BYTES`;
      this.#log.info({ asked: receive_buffer_bytes, granted, advice }, "the kernel grants a smaller receive buffer");
    }
    this.#looking = setInterval(() => this.#judge(), LEASE_LOOK_MS);
  }

  /** STUN is no game's: every port speaks it. */
  #reflect(mirror: Mirror, bytes: Uint8Array, from: Endpoint, via: number): void {
    const said = mirror.hear(bytes, from, Date.now());
    if (said !== null) this.#ports?.send(via, from, said);
  }

  #open(game: string): Game {
    const { hub, key, ports } = this.#config;
    const switchboard: Switchboard | null =
      this.#config.noray?.game === game ? this.#switchboard(game, () => exchange) : null;
    const limits = { ...this.#config, sources_max: SOURCES_MAX, repeats_max: REPEATS_MAX };
    const tickets = new Tickets(game);
    this.#desk.add(game, tickets);
    const exchange: Exchange = new Exchange(
      [
        native(tickets),
        rabid,
        dowsett({ sharesLocal: this.#config.local_addresses === "always" }),
        noray(this.#config.noray_pid, switchboard ?? NOBODY),
      ],
      limits,
      {
        send: (via, to, bytes) => this.#ports?.send(via, to, bytes),
        report: (report) => links.report(report),
        list: (wire) => lists.get(wire, Date.now()),
        waiting: (address) => links.askedBy(address),
        linked: (wire, name) => links.linked(wire, name),
      },
      this.tally,
    );
    const lists = new Lists(hub, key, game);
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
      ...this.#desk.told,
      software: VERSION,
      ...(this.#retiring !== null && { retiring: true }),
      ...(this.#dtls !== null && { dtls: this.#dtls.told }),
    });
    const links = new Links({
      hub,
      key,
      game,
      tickets,
      hello,
      log: this.#log,
      tally: this.tally,
      on: {
        relays: (message, say) => this.#desk.hear(game, message, say),
        members: (items, behind) => {
          exchange.members(items, behind, Date.now());
          switchboard?.greeted(behind);
          this.#plan();
        },
        told: (items, reportAt) => {
          const now = Date.now();
          for (const item of items) {
            if ("to" in item) exchange.tell(item, now);
            else {
              const report = reportAt(item.ref);
              if (report !== undefined) exchange.answered(report, answerOf(item));
            }
          }
          this.#plan();
        },
      },
    });
    return { exchange, links, switchboard };
  }

  #switchboard(game: string, exchange: () => Exchange): Switchboard {
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
      ask: (contact, said, at) => exchange().ask(contact, said, at),
      hangUp: (contact) => exchange().hangUp(contact),
      host: (said, seen) => exchange().ask({ ...seen, wire: "noray" }, said),
      random: randomBytes,
      relay: (parties, limited) => {
        const told = (notice: RelayNotice): void => {
          if (notice.kind !== "ended") limited(notice.kind === "limited" ? notice.reason : "closing");
        };
        const made = relay?.relay.allocate({ game, parties, told }, Date.now());
        return made !== undefined && "ports" in made ? made.ports : null;
      },
      moved: (party, seen) => relay?.relay.moved(game, party, seen, Date.now()),
      left: (party) => relay?.relay.left(game, party),
      address: relay?.addresses.find(isIPv4) ?? null,
    };
    return new Switchboard(limits, out, this.tally);
  }

  #judge(): void {
    const now = Date.now();
    this.#relay?.relay.expire(now);
    this.#ports?.pass(now);
    for (const { exchange, switchboard } of this.#games.values()) {
      exchange.judge(now);
      switchboard?.expire(now);
    }
    const left = [...this.#games.values()].some(({ exchange }) => exchange.contacts.size > 0);
    if (!left && (this.#relay?.relay.size ?? 0) === 0) this.#retiring?.();
  }

  /** Our own bug; whoever found it must not be able to end us, nor to fill the log. */
  #fault(error: unknown): void {
    this.tally.add("socket_errors", "fault");
    if (this.tally.get("socket_errors", "fault") <= FAULTS_LOGGED) this.#log.error(error, "what came was too much");
  }

  /** One timer for everything that is to be said again, so that what belongs together leaves together. */
  #plan(): void {
    let due = Infinity;
    for (const { exchange } of this.#games.values()) due = Math.min(due, exchange.due ?? Infinity);
    if (due === Infinity || (this.#repeating !== null && this.#repeating.due <= due)) return;
    if (this.#repeating !== null) clearTimeout(this.#repeating.timer);
    const timer = setTimeout(
      () => {
        this.#repeating = null;
        const now = Date.now();
        for (const { exchange } of this.#games.values()) exchange.repeat(now);
        this.#plan();
      },
      Math.max(0, due - Date.now()),
    );
    this.#repeating = { timer, due };
  }

  #readings() {
    const games = this.#games;
    const sum = (read: (game: Game) => number): number =>
      [...games.values()].reduce((all, game) => all + read(game), 0);
    return {
      linked: () => this.linked,
      retiring: () => this.#retiring !== null,
      contacts: () => sum((game) => game.exchange.contacts.size),
      connections: () => sum((game) => game.switchboard?.connections ?? 0),
      hosts: () => sum((game) => game.switchboard?.hosts ?? 0),
      waiting: () => sum((game) => game.links.waiting),
      receive_buffer_bytes: () => this.#ports?.granted_bytes ?? 0,
      dtls: {
        live: () => this.#ports?.sessions?.live ?? 0,
        shaking: () => this.#ports?.sessions?.shaking ?? 0,
        expires_at: () => this.#dtls?.expires_at ?? 0,
      },
      relay: {
        free: () => this.#relay?.free ?? 0,
        used: () => this.#relay?.used ?? 0,
        allocations: () => this.#relay?.relay.size ?? 0,
        packets: () => this.#relay?.relay.packets ?? 0,
        bytes: () => this.#relay?.relay.bytes ?? 0,
        tunnels: () => this.#desk.tunnels,
      },
    };
  }
}
