/**
 * Finds the session that gets messages for an endpoint at a port. If several sessions share one, it is the session that
 * sent last, because a client may use two of the sidecar's addresses.
 */
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import type { DtlsSession, SocketRef } from "./session.ts";

export class EndpointIndex<S extends SocketRef> {
  readonly #sessions = new Map<string, DtlsSession<S>>();

  get(port: number, at: Endpoint): DtlsSession<S> | undefined {
    return this.#sessions.get(endpointKey(port, at));
  }

  /** Messages for the session's endpoint now go to it. A holder that had claimed the endpoint gets its real one back. */
  set(session: DtlsSession<S>): void {
    const key = endpointKey(session.source.socket.port, session.endpoint);
    const holder = this.#sessions.get(key);
    if (holder === session) return;
    if (holder !== undefined) holder.endpoint = holder.source.from;
    this.#sessions.set(key, session);
  }

  delete(session: DtlsSession<S>, at: Endpoint): void {
    const key = endpointKey(session.source.socket.port, at);
    if (this.#sessions.get(key) === session) this.#sessions.delete(key);
  }
}

const endpointKey = (port: number, at: Endpoint): string => `${port} ${formatEndpoint(at)}`;
