/** The types of noray sessions: one session per TCP connection, and what the sessions call outside this folder. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import type { IdFormat } from "../protocols/noray.ts";
import type { Contact, ReportBody } from "../protocols/wire.ts";
import type { ObservedParty } from "../relay/allocation.ts";

export type NorayLimits = {
  readonly oid: IdFormat;
  readonly pid: IdFormat;
  readonly hosts_max: number;
  readonly hosts_per_source_max: number;
  readonly connections_max: number;
  readonly connections_per_source_max: number;
  readonly registration: Budget;
  readonly lookup: Budget;
  readonly sources_max: number;
};

/** The sidecar's end of a TCP connection. */
export type NorayConnection = { readonly address: string; send(text: string): void; end(): void; destroy(): void };

type ObservedAt = Pick<Contact, "via" | "endpoint">;

export type NorayOutput = {
  contact(oid: string): Contact | undefined;
  /** Sends a report to the hub on behalf of a member, as observed at its endpoint or at `at`. */
  reportAs(contact: Contact, report: ReportBody, at?: Endpoint): boolean;
  disconnect(contact: Contact): void;
  /** Registers a host with the hub again, at the endpoint that the registrar observed last. */
  reportHost(report: ReportBody, observed: ObservedAt): boolean;
  readonly random: (bytes: number) => Uint8Array;
  /** Two relay ports, in the order of the parties, or null if none is available. A measurement forwards nothing. */
  allocateRelay(
    parties: readonly [ObservedParty, ObservedParty],
    purpose: "game" | "measurement",
    listener: {
      readonly onLimited: (reason: string) => void;
      /** A party's datagrams arrive from the port that the registrar saw, or from another one. */
      readonly onMapping: (party: string, moved: boolean) => void;
    },
  ): readonly [number, number] | null;
  /** The registrar observes a relayed peer at another endpoint. */
  peerMoved(party: ObservedParty): void;
  /** The connection of a relayed peer has closed. */
  peerLeft(party: string): void;
  /** The IPv4 address of this sidecar's relay, as peers of other sidecars reach it, or null. */
  readonly relay_address: string | null;
};

export type NoraySession = {
  readonly connection: NorayConnection;
  /** Hosts registered over this connection. Lookups are sent on behalf of the first. */
  readonly hosts: RegisteredHost[];
  readonly lookups: Map<string, PendingLookup>;
  /** The client has closed its half; the sidecar closes the other half after the last answer. */
  ended: boolean;
};

export type RegisteredHost = {
  readonly oid: string;
  readonly digest: string;
  readonly session: NoraySession;
  /** Null until the registrar observes the host. */
  observed: ObservedAt | null;
  /** Its router has been measured, or its game did not react. */
  measured: boolean;
};

export type PendingLookup = {
  readonly session: NoraySession;
  /** The host that the lookup is sent on behalf of. */
  readonly oid: string;
  /** The host that is looked up. */
  readonly name: string;
  /** `connect-relay` instead of `connect`. */
  readonly relayed: boolean;
  /** The id of a request, which its error names; null for the stock addon's commands. */
  readonly request: string | null;
  readonly since: number;
};
