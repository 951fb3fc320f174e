/**
 * The UDP ports: every datagram that is not relayed arrives and leaves here. A reply leaves the way its request
 * arrived: in clear text from the same socket, or through the DTLS session. Errors of a socket or a destination are
 * only counted.
 */
import { decodeLocalPort, encodeLocalPort, isDtls } from "#shared/net/local-port.ts";
import { type Endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import type { Port } from "../config/config.ts";
import type { Counters } from "../core/counters.ts";
import type { Clock } from "../time/clock.ts";
import type { Dtls } from "./dtls/dtls.ts";
import { mayBeClaim } from "./dtls/endpoint-claims.ts";
import { isDtlsRecord } from "./dtls/records.ts";
import type { DtlsSessions } from "./dtls/sessions.ts";
import type { UdpBackend, UdpSocket } from "./udp/udp-socket.ts";

type UdpHandlers = {
  /** A datagram that arrived at this port, or a message of a DTLS session. */
  onDatagram(bytes: Uint8Array, from: Endpoint, port: Port, via: number): void;
  /** An internal error that a datagram triggered. */
  onFault(error: unknown): void;
};

/** One socket. A DTLS session belongs to the socket that its client sends to. */
type BoundSocket = {
  readonly id: number;
  readonly port: number;
  readonly family: 4 | 6;
  readonly socket: UdpSocket;
  readonly serves: Port;
};

export class UdpPorts {
  /**
   * By local port and family. If several listen addresses have the same family, the first sends unsolicited datagrams.
   */
  readonly #senders = new Map<string, UdpSocket>();
  readonly #sockets: BoundSocket[] = [];
  readonly #handlers: UdpHandlers;
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #required: boolean;
  /** The socket whose datagram is being handled: its reply leaves from the same local address. */
  #receiving: BoundSocket | null = null;
  /** The DTLS sessions of all ports, or null without DTLS. */
  readonly sessions: DtlsSessions<BoundSocket> | null;
  #closing = false;
  /** The smallest receive buffer the kernel granted, in bytes. */
  granted_bytes = Number.POSITIVE_INFINITY;

  private constructor(handlers: UdpHandlers, counters: Counters, dtls: Dtls | null, clock: Clock) {
    this.#handlers = handlers;
    this.#counters = counters;
    this.#clock = clock;
    this.#required = dtls?.required === true;
    const out = {
      send: ({ socket }: BoundSocket, to: Endpoint, datagram: Uint8Array) => socket.send(datagram, to),
      deliver: ({ serves, port }: BoundSocket, from: Endpoint, message: Uint8Array) =>
        handlers.onDatagram(message, from, serves, encodeLocalPort({ port, dtls: true })),
    };
    this.sessions = dtls?.sessions<BoundSocket>(out, counters, clock.now()) ?? null;
  }

  /** Opens all ports or none. Rejects with the port and the reason. */
  static async open(
    {
      ports,
      listen,
      receive_buffer_bytes,
    }: { ports: readonly Port[]; listen: readonly string[]; receive_buffer_bytes: number },
    handlers: UdpHandlers,
    counters: Counters,
    dtls: Dtls | null,
    clock: Clock,
    backend: UdpBackend,
  ): Promise<UdpPorts> {
    const opened = new UdpPorts(handlers, counters, dtls, clock);
    try {
      for (const port of ports) {
        for (const address of listen) opened.#bind(backend, port, address, receive_buffer_bytes);
      }
    } catch (error) {
      await opened.close();
      throw error;
    }
    return opened;
  }

  send(via: number, to: Endpoint, bytes: Uint8Array): void {
    if (isDtls(via)) {
      // If the session has ended, the message is dropped: it must not be sent in clear text.
      if (this.sessions?.send(decodeLocalPort(via).port, to, bytes) !== true)
        this.#counters.add("dtls_dropped", "unsaid");
      return;
    }
    const family = isIPv4(to.address) ? 4 : 6;
    const receiving = this.#receiving;
    const socket =
      receiving !== null && receiving.port === via && receiving.family === family
        ? receiving.socket
        : this.#senders.get(`${via}/${family}`);
    if (socket === undefined) return this.#counters.add("socket_errors", "no_such_port");
    socket.send(bytes, to);
  }

  /** Retransmits and expires DTLS sessions. */
  tick(now: number): void {
    try {
      this.sessions?.tick(now);
    } catch (error) {
      this.#handlers.onFault(error);
    }
  }

  /** Closes every DTLS session, receives nothing more, and closes the sockets after the last datagram was sent. */
  async close(): Promise<void> {
    this.#closing = true;
    this.sessions?.close();
    const sockets = this.#sockets.splice(0);
    this.#senders.clear();
    await Promise.all(sockets.map(({ socket }) => socket.close()));
  }

  #receive(bound: BoundSocket, from: Endpoint, bytes: Uint8Array): void {
    const { sessions } = this;
    if (this.#closing) return;
    if (sessions !== null) {
      if (isDtlsRecord(bytes)) return sessions.receive(bound, from, bytes, this.#clock.now());
      if (mayBeClaim(bytes) && sessions.handleClaim(from, bytes, this.#clock.now())) return;
      if (this.#required) return this.#counters.add("dropped", "in_clear");
    }
    this.#handlers.onDatagram(bytes, from, bound.serves, bound.port);
  }

  #bind(backend: UdpBackend, port: Port, address: string, receive_buffer_bytes: number): void {
    const family = isIPv4(address) ? 4 : 6;
    let bound: BoundSocket | null = null;
    let socket: UdpSocket;
    try {
      socket = backend.open(
        { address, port: port.port, family },
        {
          onDatagram: (bytes, from) => this.#onDatagram(bound!, bytes, from),
          onError: (kind) => this.#counters.add("socket_errors", kind),
        },
      );
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      // A machine without IPv6 can still serve IPv4.
      if (address === "::" && (code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL")) return;
      throw new Error(bindErrorText(port.port, address, code), { cause: error });
    }
    bound = { id: this.#sockets.length, port: port.port, family, socket, serves: port };
    this.#sockets.push(bound);
    const sender = `${port.port}/${family}`;
    if (!this.#senders.has(sender)) this.#senders.set(sender, socket);
    this.granted_bytes = Math.min(this.granted_bytes, socket.setReceiveBuffer(receive_buffer_bytes));
  }

  #onDatagram(bound: BoundSocket, bytes: Uint8Array, from: Endpoint): void {
    // Source port 0 cannot be answered (RFC 768), and sending to it throws.
    if (from.port === 0) return this.#counters.add("dropped", "source_port_0");
    this.#receiving = bound;
    try {
      this.#receive(bound, from, bytes);
    } catch (error) {
      this.#handlers.onFault(error);
    }
    this.#receiving = null;
  }
}

function bindErrorText(port: number, address: string, code: string): string {
  const at = `UDP port ${port} on ${address}`;
  if (code === "EADDRINUSE") return `${at} is taken by another program`;
  if (code === "EACCES") return `${at} needs privileges that this user does not have`;
  if (code === "EADDRNOTAVAIL") return `${at}: this machine has no such address`;
  return `${at} cannot be opened: ${code}`;
}
