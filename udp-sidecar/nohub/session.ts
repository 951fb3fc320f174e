/** The types of nohub sessions: one session per TCP connection, the lobbies it hosts, and what both call elsewhere. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import type { LobbyDirectory } from "../lists/lobby-directory.ts";
import type { Contact, ReportBody } from "../protocols/wire.ts";

export type NohubLimits = {
  readonly sessions_max: number;
  readonly sessions_per_source_max: number;
  readonly lobbies_max: number;
  /** Of one source, those that wait for their host included. */
  readonly lobbies_per_source_max: number;
  readonly commands: Budget;
  /** Requests that the hub stores; they count as commands too. */
  readonly changes: Budget;
  readonly sources_max: number;
  /** How long a lobby waits for its host after the connection has closed. */
  readonly grace_ms: number;
};

/** The sidecar's end of a TCP connection. */
export type NohubConnection = { readonly endpoint: Endpoint; send(text: string): void; end(): void };

export type NohubOutput = {
  /** A game id that stands for all lobbies of the hub's game. */
  readonly game: string;
  /** The local port that reports name. */
  readonly via: number;
  readonly directory: LobbyDirectory;
  contact(wire: WireName, name: string): Contact | undefined;
  report(observed: Pick<Contact, "wire" | "via" | "endpoint">, body: ReportBody): boolean;
  disconnect(contact: Contact): void;
  /** Milliseconds since the epoch, as the hub stamps lobbies. */
  readonly timestamp: () => number;
  readonly random: (bytes: number) => Uint8Array;
};

export type NohubSession = {
  /** Random; errors name it. */
  readonly id: string;
  readonly connection: NohubConnection;
  /** Null: the lobbies that belong to no nohub game. */
  game: string | null;
  /** A game can be set once. */
  has_game: boolean;
};

export type HostedLobby = {
  readonly id: string;
  readonly uri: string;
  readonly game: string | null;
  /** Milliseconds since the epoch. */
  readonly created_at: number;
  /** Where its host was when it was created; the hub knows the host by this. */
  readonly endpoint: Endpoint;
  readonly proof: string;
  /** It is the lobby of a noray host of this sidecar, which ends with that host. */
  readonly is_noray: boolean;
  locked: boolean;
  hidden: boolean;
  data: ReadonlyMap<string, string>;
  /** Null while its host has no connection. */
  owner: NohubSession | null;
  /** Since when it has no owner, or null. Not known yet: 0. */
  orphaned_at: number | null;
};
