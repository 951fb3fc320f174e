/** nohub's TCP port without sockets: the bytes of a client in, the bytes of the sidecar out. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import * as numbers from "#shared/limits.ts";
import type { Exchange } from "../../udp-sidecar/core/exchange.ts";
import type { LobbyDirectory } from "../../udp-sidecar/lists/lobby-directory.ts";
import type { Counters } from "../../udp-sidecar/core/counters.ts";
import type { NohubSession } from "../../udp-sidecar/nohub/session.ts";
import { NohubSessions } from "../../udp-sidecar/nohub/sessions.ts";
import { diceOf } from "./dice.ts";
import { endpointOf, HOME, type Rig } from "./exchange.ts";

/** Fewer than a source may create at once. */
export const LOBBIES_PER_SOURCE_MAX = 100;

type Owner = {
  readonly exchange: Exchange;
  readonly directory: LobbyDirectory;
  readonly counters: Counters;
};

/** The sessions of a rig's sidecar. `name` seeds its random numbers. */
export function nohubSessions(owner: Owner, name: string, clock: () => number): NohubSessions {
  const dice = diceOf(Number.parseInt(name, 36) % 1_000_003);
  return new NohubSessions(
    {
      sessions_max: 1_000,
      sessions_per_source_max: numbers.NOHUB_SESSIONS_PER_SOURCE_MAX,
      lobbies_max: numbers.NOHUB_LOBBIES_MAX,
      lobbies_per_source_max: LOBBIES_PER_SOURCE_MAX,
      commands: { per_s: numbers.NOHUB_COMMANDS_PER_S, burst: numbers.NOHUB_COMMANDS_BURST },
      changes: { per_s: numbers.NOHUB_CHANGES_PER_S, burst: numbers.NOHUB_CHANGES_BURST },
      sources_max: numbers.SOURCES_MAX,
      grace_ms: numbers.NOHUB_GRACE_MS,
    },
    {
      game: "chess",
      via: 9_980,
      directory: owner.directory,
      contact: (wire, lobby) => owner.exchange.contacts.find(wire, lobby, lobby),
      report: (observed, body) => owner.exchange.reportAs(observed, body),
      disconnect: (contact) => owner.exchange.disconnect(contact),
      timestamp: () => clock(),
      random: (bytes) => Uint8Array.from({ length: bytes }, () => dice(256)),
    },
    owner.counters,
  );
}

/** A client's connection. */
export class NohubCaller {
  readonly #rig: Rig;
  readonly #sessions: NohubSessions;
  readonly #session: NohubSession | null;
  #answered = "";

  constructor(rig: Rig, from: string | Endpoint, sidecar: string = HOME.sidecar) {
    this.#rig = rig;
    this.#sessions = rig.sidecar(sidecar).nohub;
    const endpoint = typeof from === "string" ? endpointOf(from) : from;
    const send = (text: string): void => void (this.#answered += text);
    this.#session = this.#sessions.open({ endpoint, send, end: () => {} });
  }

  get isOpen(): boolean {
    return this.#session !== null;
  }

  /** Sends bytes as they are, and returns the answer as it is. */
  send(bytes: string | Uint8Array): string {
    if (this.#session !== null) {
      const session = this.#session;
      this.#rig.collectSent(() => this.#sessions.receive(session, Buffer.from(bytes), this.#rig.now));
    }
    const answered = this.#answered;
    this.#answered = "";
    return answered;
  }

  /** Sends a line, and returns the lines of the answer. */
  say(line: string): string[] {
    return this.send(`${line}\n`).split("\n").slice(0, -1);
  }

  close(): void {
    if (this.#session !== null) this.#sessions.close(this.#session, this.#rig.now);
  }
}
