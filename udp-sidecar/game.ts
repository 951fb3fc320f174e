/**
 * One game on this sidecar: its exchange, its links to the hubs, and its noray sessions. This file connects them, so
 * that none of them has to import another.
 */
import { randomBytes } from "node:crypto";
import { type Endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import {
  NOHUB_CHANGES_BURST,
  NOHUB_CHANGES_PER_S,
  NOHUB_COMMANDS_BURST,
  NOHUB_COMMANDS_PER_S,
  NOHUB_LOBBIES_MAX,
  NOHUB_SESSIONS_MAX,
  NOHUB_SESSIONS_PER_SOURCE_MAX,
  REPEATS_MAX,
  SOURCES_MAX,
} from "#shared/limits.ts";
import { type Hello, LINK_VERSION } from "#shared/link/messages.ts";
import { VERSION } from "#shared/version.ts";
import type { Logger } from "pino";
import type { Config } from "./config/config.ts";
import { announceToMembers } from "./core/announcements.ts";
import type { Counters } from "./core/counters.ts";
import { Exchange } from "./core/exchange.ts";
import { LobbyDirectory } from "./lists/lobby-directory.ts";
import type { SendCredit } from "./core/send-credit.ts";
import { ShardLinks, toAnswer } from "./link/shard-links.ts";
import { GameTicketVerifier } from "./link/ticket-verifier.ts";
import type { NohubLimits, NohubOutput } from "./nohub/session.ts";
import { NohubSessions } from "./nohub/sessions.ts";
import type { NorayLimits, NorayOutput } from "./noray/session.ts";
import { NoraySessions } from "./noray/sessions.ts";
import { dowsett } from "./protocols/dowsett.ts";
import { native } from "./protocols/native.ts";
import { nohub } from "./protocols/nohub.ts";
import { NO_HOSTS, noray } from "./protocols/noray.ts";
import { rabid } from "./protocols/rabid.ts";
import type { Relay } from "./relay/relay.ts";
import type { RelayService } from "./relay-service.ts";
import type { Clock } from "./time/clock.ts";
import type { HubTime } from "./time/hub-time.ts";

/** What all games of one sidecar share. */
type GameContext = {
  readonly config: Config;
  readonly log: Logger;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly hubTime: HubTime;
  /** The relay and the addresses that peers reach it at, or null. */
  readonly relay: { readonly relay: Relay; readonly addresses: readonly string[] } | null;
  readonly relayService: RelayService;
  readonly credit: SendCredit;
  /** The part of the hello that is the same for every game, read again for each hello. */
  readonly hello: () => Pick<Hello, "epoch" | "relay" | "clock_skew_s" | "retiring" | "dtls">;
  send(via: number, to: Endpoint, bytes: Uint8Array): void;
  /** An exchange may have new repetitions. */
  scheduleRepeats(): void;
};

export type Game = {
  readonly exchange: Exchange;
  readonly links: ShardLinks;
  readonly noray: NoraySessions | null;
  readonly nohub: NohubSessions;
};

export function createGame(name: string, context: GameContext): Game {
  const { config, counters, relayService } = context;
  const verifier = new GameTicketVerifier(name, () => context.hubTime.now());
  relayService.addGame(name, verifier);
  const sessions = config.noray?.game === name ? createNoraySessions(name, context, () => exchange) : null;
  const directory = new LobbyDirectory();
  const lists = createNohubSessions(name, context, directory, () => exchange);
  const wires = [
    native(verifier),
    rabid,
    dowsett({ sharesLocal: config.local_addresses === "always" }),
    noray(config.noray_pid, sessions ?? NO_HOSTS),
    nohub(lists.lobbies),
  ];
  const exchange: Exchange = new Exchange(
    wires,
    { ...config, sources_max: SOURCES_MAX, repeats_max: REPEATS_MAX },
    {
      credit: context.credit,
      send: (via, to, bytes) => context.send(via, to, bytes),
      report: (report) => links.report(report),
      listLobbies: (wire) => (links.up ? directory.list(wire) : null),
      pendingFrom: (address) => links.pendingFrom(address),
      isLinked: (wire, lobby) => links.isLinked(wire, lobby),
    },
    counters,
  );
  const announce = (text: string): void => {
    announceToMembers(text, wires, exchange.contacts.all(), {
      counters,
      send: (via, to, bytes) => context.send(via, to, bytes),
    });
    sessions?.announce(text);
  };
  const links: ShardLinks = connectLinks(name, context, verifier, { exchange, sessions, lists, directory, announce });
  return { exchange, links, noray: sessions, nohub: lists };
}

/** What the links deliver to. */
type LinkTargets = {
  readonly exchange: Exchange;
  readonly sessions: NoraySessions | null;
  readonly lists: NohubSessions;
  readonly directory: LobbyDirectory;
  readonly announce: (text: string) => void;
};

function connectLinks(
  game: string,
  context: GameContext,
  tickets: GameTicketVerifier,
  { exchange, sessions, lists, directory, announce }: LinkTargets,
): ShardLinks {
  const { config, log, counters, clock, relayService } = context;
  return new ShardLinks({
    hub: config.hub,
    key: config.key,
    game,
    tickets,
    hello: () => helloOf(game, context),
    log,
    counters,
    clock,
    handlers: {
      onRelayMessage: (message, send) => relayService.handleMessage(game, message, send),
      onMembers: (items, { holds, isAsked }) => {
        exchange.syncMembers(items, holds, clock.now());
        sessions?.resync(isAsked);
        lists.lobbies.resync(isAsked);
        context.scheduleRepeats();
      },
      onAnnouncement: announce,
      onDirectory: (shard, message) => directory.apply(shard, message),
      onReplies: (items, reportAt) => {
        const now = clock.now();
        for (const item of items) {
          if ("to" in item) exchange.deliverNotice(item, now);
          else {
            const report = reportAt(item.ref);
            if (report !== undefined) exchange.handleAnswer(report, toAnswer(item), now);
          }
        }
        context.scheduleRepeats();
      },
    },
  });
}

function helloOf(game: string, { config, hello, relayService }: GameContext): Hello {
  return {
    t: "hello",
    version: LINK_VERSION,
    sidecar: config.name,
    region: config.region,
    addresses: config.addresses,
    ports: config.ports.filter((port) => port.game === game).map(({ port, wires }) => ({ port, wires })),
    ...(config.noray?.game === game && { noray: config.noray.port }),
    ...relayService.advertised,
    software: VERSION,
    directory: true,
    announcements: true,
    ...hello(),
  };
}

function createNohubSessions(
  game: string,
  { config, counters, hubTime }: GameContext,
  directory: LobbyDirectory,
  exchange: () => Exchange,
): NohubSessions {
  const limits: NohubLimits = {
    sessions_max: NOHUB_SESSIONS_MAX,
    sessions_per_source_max: NOHUB_SESSIONS_PER_SOURCE_MAX,
    lobbies_max: NOHUB_LOBBIES_MAX,
    lobbies_per_source_max: config.lobbies_per_source_max,
    commands: { per_s: NOHUB_COMMANDS_PER_S, burst: NOHUB_COMMANDS_BURST },
    changes: { per_s: NOHUB_CHANGES_PER_S, burst: NOHUB_CHANGES_BURST },
    sources_max: SOURCES_MAX,
    grace_ms: config.nohub_grace_s * 1_000,
  };
  const output: NohubOutput = {
    game,
    via: config.nohub.find((port) => port.game === game)?.port ?? 1,
    directory,
    contact: (wire, name) => exchange().contacts.find(wire, name, name),
    report: (observed, report) => exchange().reportAs(observed, report),
    disconnect: (contact) => exchange().disconnect(contact),
    timestamp: () => hubTime.now(),
    random: randomBytes,
  };
  return new NohubSessions(limits, output, counters);
}

function createNoraySessions(game: string, context: GameContext, exchange: () => Exchange): NoraySessions {
  const { config, counters, clock } = context;
  const relay = context.relay?.relay;
  const limits: NorayLimits = {
    oid: config.noray_oid,
    pid: config.noray_pid,
    hosts_max: config.contacts_max,
    hosts_per_source_max: config.lobbies_per_source_max,
    connections_max: config.noray_connections.max,
    connections_per_source_max: config.noray_connections.per_source_max,
    registration: config.stranger,
    lookup: config.noray_lookup,
    sources_max: SOURCES_MAX,
  };
  const output: NorayOutput = {
    contact: (oid) => exchange().contacts.find("noray", oid, oid),
    reportAs: (contact, report, at) => exchange().reportAs(contact, report, at),
    disconnect: (contact) => exchange().disconnect(contact),
    reportHost: (report, observed) => exchange().reportAs({ ...observed, wire: "noray" }, report),
    random: randomBytes,
    allocateRelay: (parties, purpose, { onLimited, onMapping }) => {
      const result = relay?.allocate(
        {
          game,
          parties,
          name: purpose,
          wakes: purpose === "game",
          onNotice: (notice) => {
            if (notice.kind === "latched") onMapping(notice.peer, notice.moved);
            else if (notice.kind !== "ended") onLimited(notice.kind === "limited" ? notice.reason : "closing");
          },
        },
        clock.now(),
      );
      return result !== undefined && "ports" in result ? result.ports : null;
    },
    peerMoved: (party) => relay?.peerMoved(game, party, clock.now()),
    peerLeft: (party) => relay?.peerLeft(game, party),
    relay_address: context.relay?.addresses.find(isIPv4) ?? null,
  };
  return new NoraySessions(limits, output, counters);
}
