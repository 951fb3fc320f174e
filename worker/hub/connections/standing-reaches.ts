/**
 * Where members can be reached without being asked first: each member may send a reach in advance, for the socket that
 * its next connection will use. An introduction uses it up. They are in memory only: without one the member is asked.
 */
import * as step from "#shared/connect/connection.ts";
import type { Connection } from "#shared/connect/connection.ts";
import { sideOf, type VerifiedReach } from "#shared/connect/introduction.ts";
import { isHard } from "#shared/connect/nat.ts";
import { STANDING_REACHES_MAX } from "#shared/limits.ts";
import type { Outcome } from "../../rpc.ts";
import type { ConnectionsHost } from "./connections-host.ts";
import { refusalForNonMember } from "./consent.ts";

export class StandingReaches {
  readonly #host: Pick<ConnectionsHost, "lobby" | "isSubscribed">;
  /** By lobby and peer, the oldest first. */
  readonly #all = new Map<string, VerifiedReach>();

  constructor(host: Pick<ConnectionsHost, "lobby" | "isSubscribed">) {
    this.#host = host;
  }

  /** null: the member must be asked from now on. */
  set(lobby: string, peer: string, reach: VerifiedReach | null): Outcome<null> {
    const refused = refusalForNonMember(this.#host.lobby(lobby), peer);
    if (refused !== null) return { refused };
    this.drop(lobby, peer);
    if (reach !== null) this.#all.set(keyOf(lobby, peer), { ...reach, isStanding: true });
    if (this.#all.size > STANDING_REACHES_MAX) this.#all.delete(this.#all.keys().next().value!);
    return { value: null };
  }

  drop(lobby: string, peer: string): void {
    this.#all.delete(keyOf(lobby, peer));
  }

  /**
   * A new connection with the agreement of the requested peer, if that peer need not be asked; else the connection as it
   * is. Only first attempts: a later one needs new sockets, and so does a pair that has had a key.
   */
  agree(connection: Connection, now: number): Connection {
    const { lobby, parties, consent } = connection;
    const { reach } = parties[0];
    const standing = this.#all.get(keyOf(lobby, parties[1].peer));
    if (standing === undefined || reach === null || consent === "ask") return connection;
    if (!this.#host.isSubscribed(lobby, parties[1].peer)) return connection;
    if (reach.web === true || (reach.attempt ?? 0) > 0 || reach.epoch !== undefined) return connection;
    this.drop(lobby, parties[1].peer);
    // The client keeps the mapping alive. A mapping per destination must be observed right before its use.
    const { nat } = sideOf({ reach: standing, reached_at: now, listens: true }, false, now);
    return isHard(nat) ? connection : step.agree(connection, 1, standing, now);
  }
}

const keyOf = (lobby: string, peer: string): string => `${lobby} ${peer}`;
