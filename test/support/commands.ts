/** noray's TCP port without sockets: a client's lines in, lines out, and the sessions of a sidecar between them. */
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import * as numbers from "#shared/limits.ts";
import type { Exchange, ExchangeLimits } from "../../udp-sidecar/core/exchange.ts";
import { ALPHABET } from "../../udp-sidecar/config/noray.ts";
import type { IdFormat } from "../../udp-sidecar/protocols/noray.ts";
import type { NorayLimits as BoardLimits, NorayOutput, NoraySession } from "../../udp-sidecar/noray/session.ts";
import { NoraySessions } from "../../udp-sidecar/noray/sessions.ts";
import type { Counters } from "../../udp-sidecar/core/counters.ts";
import { diceOf } from "./dice.ts";

/** Represents noray's TCP port where a rig names the port of a message. */
export const NORAY_TCP = 8_890;
export const NORAY_OID: IdFormat = { length: numbers.NORAY_OID_LENGTH, alphabet: ALPHABET };
export const NORAY_PID: IdFormat = { length: numbers.NORAY_PID_LENGTH, alphabet: ALPHABET };

type Owner = { readonly exchange: Exchange; readonly counters: Counters; readonly name: string };

export class NorayCommands {
  readonly registry: NoraySessions;
  /** The effects of the sessions, which a test may replace. */
  readonly out: NorayOutput;
  readonly limits: { -readonly [K in keyof BoardLimits]: BoardLimits[K] };
  readonly #callers = new Map<string, NoraySession>();
  readonly #clock: () => number;
  readonly #say: (to: Endpoint, text: string) => void;

  constructor(owner: Owner, limits: ExchangeLimits, clock: () => number, say: (to: Endpoint, text: string) => void) {
    this.#clock = clock;
    this.#say = say;
    // Each sidecar has its own random numbers, so that no two create the same ids.
    const dice = diceOf(Number.parseInt(owner.name, 36) % 1_000_003);
    this.limits = {
      oid: NORAY_OID,
      pid: NORAY_PID,
      hosts_max: limits.contacts_max,
      hosts_per_source_max: limits.lobbies_per_source_max,
      connections_max: numbers.NORAY_CONNECTIONS_MAX,
      connections_per_source_max: numbers.NORAY_CONNECTIONS_PER_SOURCE_MAX,
      registration: limits.stranger,
      lookup: { per_s: numbers.NORAY_LOOKUP_PER_S, burst: numbers.NORAY_LOOKUP_BURST },
      sources_max: limits.sources_max,
    };
    this.out = {
      contact: (oid) => owner.exchange.contacts.find("noray", oid, oid),
      reportAs: (contact, said, at) => owner.exchange.reportAs(contact, said, at),
      disconnect: (contact) => owner.exchange.disconnect(contact),
      reportHost: (said, seen) => owner.exchange.reportAs({ ...seen, wire: "noray" }, said),
      random: (bytes) => Uint8Array.from({ length: bytes }, () => dice(256)),
      allocateRelay: () => null,
      peerMoved: () => {},
      peerLeft: () => {},
      relay_address: null,
    };
    this.registry = new NoraySessions(this.limits, this.out, owner.counters);
  }

  /** A line of a client; the first one opens its connection. */
  handleLine(from: Endpoint, line: string): void {
    const caller = this.#callers.get(formatEndpoint(from)) ?? this.open(from);
    if (caller !== null) this.registry.handleLine(caller, line, this.#clock());
  }

  open(from: Endpoint): NoraySession | null {
    const caller = this.registry.open(
      {
        address: from.address,
        send: (text) => {
          for (const line of text.split("\n").slice(0, -1)) this.#say(from, line);
        },
        end: () => this.close(from),
        destroy: () => this.close(from),
      },
      this.#clock(),
    );
    if (caller !== null) this.#callers.set(formatEndpoint(from), caller);
    return caller;
  }

  /** The client closes its side of the stream. */
  endInput(from: Endpoint): void {
    this.registry.endInput(this.#callers.get(formatEndpoint(from))!);
  }

  close(from: Endpoint): void {
    const caller = this.#callers.get(formatEndpoint(from));
    this.#callers.delete(formatEndpoint(from));
    if (caller !== undefined) this.registry.close(caller);
  }
}
