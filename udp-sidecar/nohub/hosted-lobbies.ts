/**
 * The lobbies that this sidecar's nohub sessions host. The sidecar answers from here at once, and the hub learns of every
 * change behind the answer.
 *
 * When a connection closes, its lobbies stay for a grace period. A session from the same address continues one when it
 * creates a lobby with the same address in the same game, or changes the lobby. A lobby that no session continues ends.
 */
import type { Report } from "#shared/link/messages.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import type { Notice, RequesterNotice } from "#shared/lobby/notices.ts";
import { SourceCounter } from "#shared/net/source-counter.ts";
import { hostReport } from "../protocols/nohub.ts";
import { generateId } from "../protocols/noray.ts";
import type { Contact, ConnectionSide } from "../protocols/wire.ts";
import { dataOf, gameOf, publicationOf, withdrawalOf } from "./publication.ts";
import type { HostedLobby, NohubOutput, NohubSession } from "./session.ts";

/** nanoid's letters. */
export const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const ID = { length: 8, alphabet: ALPHABET };
const SECRET = { length: 32, alphabet: ALPHABET };

export class HostedLobbies implements ConnectionSide {
  readonly #out: NohubOutput;
  readonly #grace_ms: number;
  readonly #all = new Map<string, HostedLobby>();
  readonly #orphans = new Set<HostedLobby>();
  readonly perSource = new SourceCounter();

  constructor(out: NohubOutput, grace_ms: number) {
    this.#out = out;
    this.#grace_ms = grace_ms;
  }

  get size(): number {
    return this.#all.size;
  }

  all(): Iterable<HostedLobby> {
    return this.#all.values();
  }

  get(id: string): HostedLobby | undefined {
    return this.#all.get(id);
  }

  countOf(session: NohubSession): number {
    let count = 0;
    for (const { owner } of this.#all.values()) if (owner === session) count++;
    return count;
  }

  /** A lobby without a connection that this session may continue. */
  findOrphan({ connection, game }: NohubSession, uri: string): HostedLobby | undefined {
    const { address } = connection.endpoint;
    for (const lobby of this.#orphans) {
      if (lobby.uri === uri && lobby.game === game && lobby.endpoint.address === address) return lobby;
    }
    return undefined;
  }

  create(session: NohubSession, uri: string, data: ReadonlyMap<string, string>): HostedLobby {
    const { endpoint } = session.connection;
    const noray = this.#norayHost(uri, endpoint.address);
    const lobby: HostedLobby = {
      id: noray?.name ?? this.#newId(),
      uri,
      game: session.game,
      created_at: this.#out.timestamp(),
      endpoint: noray?.endpoint ?? endpoint,
      proof: noray?.memory ?? generateId(SECRET, this.#out.random),
      is_noray: noray !== undefined,
      locked: false,
      hidden: false,
      data,
      owner: session,
      orphaned_at: null,
    };
    this.#add(lobby);
    this.#register(lobby);
    return lobby;
  }

  change(lobby: HostedLobby, changes: Partial<Pick<HostedLobby, "locked" | "hidden" | "data">>): void {
    Object.assign(lobby, changes);
    this.#report(lobby, publicationOf(lobby));
  }

  end(lobby: HostedLobby): void {
    this.#drop(lobby);
    this.#out.directory.forget(lobby.id);
    const contact = this.#out.contact("nohub", lobby.id);
    if (lobby.is_noray) this.#report(lobby, withdrawalOf(lobby));
    else if (contact !== undefined) this.#out.disconnect(contact);
    else this.#report(lobby, { kind: "leave", name: lobby.id, peer: lobby.id });
  }

  /** The session's connection has closed. */
  release(session: NohubSession, now: number): void {
    for (const lobby of this.#all.values()) {
      if (lobby.owner !== session) continue;
      Object.assign(lobby, { owner: null, orphaned_at: now });
      this.#orphans.add(lobby);
    }
  }

  /** The session continues the lobby. */
  adopt(lobby: HostedLobby, session: NohubSession): void {
    this.#orphans.delete(lobby);
    Object.assign(lobby, { owner: session, orphaned_at: null });
    // After a restart of the sidecar the hub waits for a sign of the host.
    this.#report(lobby, { kind: "heard", name: lobby.id, peer: lobby.id });
  }

  /** Ends the lobbies whose host did not return, and those whose noray host has gone. */
  expire(now: number): void {
    for (const lobby of this.#orphans) {
      lobby.orphaned_at ||= now;
      if (now - lobby.orphaned_at >= this.#grace_ms) this.end(lobby);
    }
    for (const lobby of this.#all.values()) {
      if (lobby.is_noray && this.#out.contact("noray", lobby.id) === undefined) this.#drop(lobby);
    }
  }

  /** After a hello: reports the lobbies behind this hub again, because requests may have been lost. */
  resync(behind: (wire: WireName, name: string) => boolean): void {
    for (const lobby of this.#all.values()) if (behind(wireOf(lobby), lobby.id)) this.#register(lobby);
  }

  // --- called by the exchange ------------------------------------------------------------------------------------

  /** A lobby that the hub returns after a restart waits for its host like any other. */
  isConnected(peer: string): boolean {
    if (!this.#all.has(peer)) this.#restore(peer);
    return true;
  }

  notify({ peer }: Contact, { kind }: Notice): void {
    const lobby = this.#all.get(peer);
    if (kind === "removed" && lobby !== undefined && !lobby.is_noray) this.#drop(lobby);
  }

  handleAnswer(answer: RequesterNotice, report: Report): void {
    const lobby = this.#all.get(report.name);
    if (lobby === undefined || answer.kind !== "refused") return;
    if (report.kind === "host") this.#drop(lobby);
    // The hub has not received the host's report.
    if (report.kind === "publish" && answer.code === "lobby_not_found") this.#register(lobby);
  }

  // ---------------------------------------------------------------------------------------------------------------

  #restore(peer: string): void {
    const contact = this.#out.contact("nohub", peer);
    const entry = this.#out.directory.find(peer);
    if (contact === undefined || entry?.join_uri === undefined) return;
    const lobby: HostedLobby = {
      id: peer,
      uri: entry.join_uri,
      game: gameOf(entry),
      created_at: entry.created_at_ms,
      endpoint: contact.endpoint,
      proof: contact.memory ?? "",
      is_noray: false,
      locked: !entry.joinable,
      hidden: !entry.listed,
      data: new Map(dataOf(entry.data)),
      owner: null,
      // The next check sets the time.
      orphaned_at: 0,
    };
    this.#add(lobby);
    this.#orphans.add(lobby);
  }

  #add(lobby: HostedLobby): void {
    this.#all.set(lobby.id, lobby);
    this.perSource.add(lobby.endpoint.address, 1);
  }

  #drop(lobby: HostedLobby): void {
    this.#orphans.delete(lobby);
    if (this.#all.delete(lobby.id)) this.perSource.add(lobby.endpoint.address, -1);
  }

  #register(lobby: HostedLobby): void {
    if (!lobby.is_noray) this.#report(lobby, hostReport(lobby.id, lobby.proof));
    this.#report(lobby, publicationOf(lobby));
  }

  #report(lobby: HostedLobby, body: Parameters<NohubOutput["report"]>[1]): void {
    const { endpoint } = lobby;
    this.#out.report({ wire: wireOf(lobby), via: this.#out.via, endpoint }, body);
  }

  #newId(): string {
    let id = generateId(ID, this.#out.random);
    while (this.#all.has(id)) id = generateId(ID, this.#out.random);
    return id;
  }

  /** The noray host that this address names, if it is registered here from the same address and not listed yet. */
  #norayHost(uri: string, address: string): Contact | undefined {
    const oid = /^noray:\/\/[^/]+\/([!-~]+)$/.exec(uri)?.[1];
    const contact = oid === undefined ? undefined : this.#out.contact("noray", oid);
    const isOwn = contact?.endpoint.address === address && contact.memory !== null && !this.#all.has(contact.name);
    return isOwn ? contact : undefined;
  }
}

const wireOf = ({ is_noray }: HostedLobby): WireName => (is_noray ? "noray" : "nohub");
