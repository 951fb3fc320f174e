/**
 * Requests for the relay of a connection: builds the allocation from the connection, and lets both peers wait for the
 * same result.
 */
import type { Connection, End } from "#shared/connect/connection.ts";
import type { RelayView } from "#shared/connect/schema.ts";
import { isIPv4 } from "#shared/net/endpoint.ts";
import type { Outcome } from "../../rpc.ts";
import type { RelayAllocator, RelayFailure, RelayPair } from "./relay-allocator.ts";

type Result = RelayPair | RelayFailure;

export type RelayListener = {
  /** Called once per allocation, before the waiting peers get their responses. */
  readonly done: (id: string, result: Result) => void;
  /** The relay has ended at the sidecar. */
  readonly ended: (id: string) => void;
};

export class RelayRequests {
  readonly #allocator: RelayAllocator;
  readonly #listener: RelayListener;
  readonly #waiting = new Map<string, ((result: Result) => void)[]>();

  constructor(allocator: RelayAllocator, listener: RelayListener) {
    this.#allocator = allocator;
    this.#listener = listener;
  }

  /** Resolves to the peer's end of the relay. Starts an allocation if none is pending. */
  wait(connection: Connection, end: End, now: number, replaces?: string): Promise<Outcome<RelayView>> {
    const { relay_id: id } = connection;
    return new Promise((resolve) => {
      const respond = (result: Result): void => {
        if (typeof result !== "string") resolve({ value: result[end] });
        else resolve({ refused: result === "exhausted" ? "relay_budget_exhausted" : "relay_unavailable" });
      };
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), respond]);
      if (!this.#allocator.isPending(id)) this.allocate(connection, now, replaces);
    });
  }

  /** `replaces`: the id of a relay that no longer answers. */
  allocate({ relay_id: id, lobby, parties }: Connection, now: number, replaces?: string): void {
    const [a, b] = parties.map(({ peer, spoken }) => {
      const ipv6_only = spoken.length > 0 && !spoken.some(isIPv4);
      return { peer, ...(ipv6_only && { family: "v6" as const }) };
    });
    const request = { id, lobby, sides: [a!, b!], reachable: [parties[0].spoken, parties[1].spoken] } as const;
    this.#allocator.allocate({ ...request, ...(replaces !== undefined && { replaces }) }, now, {
      done: (result) => {
        const waiting = this.#waiting.get(id) ?? [];
        this.#waiting.delete(id);
        this.#listener.done(id, result);
        for (const respond of waiting) respond(result);
      },
      ended: () => this.#listener.ended(id),
    });
  }

  isAvailable(now: number): boolean {
    return this.#allocator.isAvailable(now);
  }

  /** Drops the relay of a connection. Waiting peers are refused. */
  forget(id: string): void {
    this.#allocator.forget(id);
    for (const respond of this.#waiting.get(id) ?? []) respond("unavailable");
    this.#waiting.delete(id);
  }

  /** Neither peer needs the relay any more. */
  release(id: string): void {
    this.#allocator.release(id);
  }

  releaseLeft(lobby: string, isMember: (peer: string) => boolean): void {
    this.#allocator.releaseLeft(lobby, isMember);
  }

  tick(now: number): void {
    this.#allocator.tick(now);
  }

  deadline(): number {
    return this.#allocator.deadline();
  }
}
