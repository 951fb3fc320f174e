/**
 * What the two sides of a lookup receive: each other's endpoint, or the two ports of a relay. Pairs that cannot be
 * punched get the relay's address as if it were the other peer's, so that the addon's first handshake succeeds.
 *
 * The router of a host is measured when its first player asks for it: the host gets the address of a relay port, and its
 * game sends to it at once. The player waits for that, one round trip to the host.
 *
 *     client                     sidecar                        host
 *        | == connect OID =======> |                              |
 *        |                         | === connect SIDECAR:P =====> |
 *        |                         | <-- $rwx to P -------------- |    from which port?
 *        | <= connect HOST ======= | === connect CLIENT ========> |    the one that the registrar saw: both punch
 *        | <= connect SIDECAR:Q == | === connect SIDECAR:R =====> |    another one: the relay
 */
import { NORAY_MEASURE_MS } from "#shared/limits.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { sourceOf } from "#shared/net/endpoint.ts";
import * as noray from "../protocols/noray.ts";
import type { ObservedParty } from "../relay/allocation.ts";
import { RouterMemory } from "./router-memory.ts";
import type { NorayOutput, PendingLookup, RegisteredHost } from "./session.ts";

/** Lookups that wait until the router of their host is measured. */
type Measurement = { readonly since: number; readonly lookups: PendingLookup[] };

export class Introductions {
  readonly #out: NorayOutput;
  readonly #hostOf: (oid: string) => RegisteredHost | undefined;
  readonly #onMeasured: (lookup: PendingLookup) => void;
  readonly #routers = new RouterMemory();
  /** Running measurements by the host's oid, oldest first. */
  readonly #measurements = new Map<string, Measurement>();
  /** The time of the last call that had one; calls come ten times a second. */
  #now = 0;

  /** `onMeasured` is called for each lookup for which `measures` returned true. */
  constructor(
    out: NorayOutput,
    hostOf: (oid: string) => RegisteredHost | undefined,
    onMeasured: (lookup: PendingLookup) => void,
  ) {
    this.#out = out;
    this.#hostOf = hostOf;
    this.#onMeasured = onMeasured;
  }

  /** Ends the measurements whose host has not sent anything in time. */
  tick(now: number): void {
    this.#now = now;
    for (const [oid, { since }] of this.#measurements) {
      if (now - since < NORAY_MEASURE_MS) return;
      this.#finishMeasurement(oid);
    }
  }

  /** A peer's datagrams from `address` arrived at two ports, from one endpoint or from two. A forged one tells nothing. */
  observeMapping(oid: string, address: string, isPerDestination: boolean, now: number): void {
    if (this.#isProved(oid, address)) this.#routers.observed(address, isPerDestination, now);
  }

  /** The registrar observes a host. */
  observeHost(oid: string, at: Endpoint): void {
    this.#out.peerMoved(this.#partyAt(oid, at));
  }

  hostLeft(oid: string): void {
    this.#out.peerLeft(relayParty(oid));
  }

  /**
   * Both are registered here, and they are to be relayed: the hub is not needed. As in noray, a second host that the
   * registrar has not observed is relayed at the endpoint of the first.
   */
  answersAlone(lookup: PendingLookup): boolean {
    const session = this.#hostOf(lookup.name)?.session;
    const oids = lookup.relayed ? [lookup.name, session?.hosts[0]?.oid] : [lookup.name];
    const [host] = session === undefined ? [] : oids.flatMap((oid) => this.#out.contact(oid ?? "") ?? []);
    if (host === undefined) return false;
    if (lookup.relayed) return this.relay(lookup, host.endpoint, "connect-relay");
    return this.#isHopeless(lookup, host.endpoint) && this.relay(lookup, host.endpoint, "connect");
  }

  /** Whether the lookup has to wait until the host's router is measured. */
  measures(lookup: PendingLookup): boolean {
    const running = this.#measurements.get(lookup.name);
    if (running !== undefined && !lookup.relayed) return running.lookups.push(lookup) > 0;
    const [host, own, address] = [this.#hostOf(lookup.name), this.#out.contact(lookup.oid), this.#out.relay_address];
    const at = this.#out.contact(lookup.name)?.endpoint;
    if (lookup.relayed || host === undefined || at === undefined || own === undefined || address === null) return false;
    // Two games behind one router may reach each other inside it.
    const isOneRouter = sourceOf(at.address) === sourceOf(own.endpoint.address);
    if (host.measured || isOneRouter || this.#routers.knows(at.address, this.#now)) return false;
    const parties = [this.#partyAt(lookup.oid, own.endpoint), this.#partyAt(lookup.name, at)] as const;
    const ports = this.#out.allocateRelay(parties, "measurement", {
      onLimited: () => {},
      onMapping: (party, moved) => {
        if (party !== relayParty(lookup.name)) return;
        this.observeMapping(lookup.name, at.address, moved, this.#now);
        this.#finishMeasurement(lookup.name);
      },
    });
    if (ports === null) return false;
    host.measured = true;
    this.#measurements.set(lookup.name, { since: this.#now, lookups: [lookup] });
    host.session.connection.send(noray.formatConnect({ address, port: ports[1] }));
    return true;
  }

  isMeasuring(lookup: PendingLookup): boolean {
    return this.#measurements.get(lookup.name)?.lookups.includes(lookup) === true;
  }

  /** The line for the requester, or nothing if both have got the relay's address instead. */
  introduce(lookup: PendingLookup, host: Endpoint): string | undefined {
    if (this.#isHopeless(lookup, host) && this.relay(lookup, host, "connect")) return undefined;
    const own = this.#out.contact(lookup.oid);
    if (own !== undefined && this.#isProved(lookup.oid, own.endpoint.address))
      this.#routers.introduced(own.endpoint.address, host.address, this.#now);
    return noray.formatConnect(host);
  }

  /**
   * Sends both sides their port of a relay; false if there is none. `connect` names the relay as if it were the other
   * peer: the addon's first handshake then succeeds. With `connect-relay` both ports belong to this sidecar, because a
   * client reads it as a port of its server. A host of another sidecar gets `connect` in both cases.
   */
  relay({ oid, name, session }: PendingLookup, hostEndpoint: Endpoint, as: "connect" | "connect-relay"): boolean {
    const contact = this.#out.contact(oid);
    const host = this.#hostOf(name);
    const address = this.#out.relay_address;
    if (contact === undefined || (address === null && (host === undefined || as === "connect"))) return false;
    const parties = [this.#partyAt(oid, contact.endpoint), this.#partyAt(name, hostEndpoint)] as const;
    const [own, other] = [contact.endpoint.address, hostEndpoint.address];
    if (as === "connect-relay") this.#routers.requestsRelay(own, other, this.#now);
    const ports = this.#out.allocateRelay(parties, "game", {
      onLimited: (reason) => {
        for (const end of [oid, name]) this.#hostOf(end)?.session.connection.send(noray.formatRelayLimited(reason));
      },
      onMapping: (party, moved) => {
        if (party === relayParty(oid)) this.observeMapping(oid, own, moved, this.#now);
        else this.observeMapping(name, other, moved, this.#now);
      },
    });
    if (ports === null) return false;
    const lineFor = (port: number): string =>
      as === "connect-relay" ? noray.formatConnectRelay(port) : noray.formatConnect({ address: address!, port });
    session.connection.send(lineFor(ports[0]));
    if (host !== undefined) host.session.connection.send(lineFor(ports[1]));
    else this.#out.reportAs(contact, noray.joinReport(oid, name), { address: address!, port: ports[1] });
    return true;
  }

  #finishMeasurement(oid: string): void {
    const lookups = this.#measurements.get(oid)?.lookups ?? [];
    this.#measurements.delete(oid);
    for (const lookup of lookups) this.#onMeasured(lookup);
  }

  #isHopeless({ oid }: PendingLookup, host: Endpoint): boolean {
    const own = this.#out.contact(oid);
    return own !== undefined && this.#routers.isHopeless(own.endpoint.address, host.address, this.#now);
  }

  #partyAt(oid: string, observed: Endpoint): ObservedParty {
    return { peer: relayParty(oid), observed, proved: this.#isProved(oid, observed.address) };
  }

  /** A TCP connection from the same address proves that the peer receives there; the source of its pid could be forged. */
  #isProved(oid: string, address: string): boolean {
    return this.#hostOf(oid)?.session.connection.address === address;
  }
}

/** The relay's name for a noray peer; the prefix keeps the wires' names apart. */
const relayParty = (oid: string): string => `noray ${oid}`;
