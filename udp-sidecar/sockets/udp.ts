/**
 * The UDP ports: every datagram that is not relayed arrives and leaves here. A reply leaves the way its request
 * arrived: in clear text from the same socket, or through the DTLS session. Errors of a socket or a destination are
 * only counted.
 */
import { createSocket, type Socket } from "node:dgram";
import { decodeLocalPort, encodeLocalPort, isDtls } from "#shared/net/local-port.ts";
import { type Endpoint, endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import type { Port } from "../config/config.ts";
import type { Counters } from "../core/counters.ts";
import type { Clock } from "../time/clock.ts";
import type { Dtls } from "./dtls/dtls.ts";
import { isDtlsRecord } from "./dtls/records.ts";
import type { DtlsSessions } from "./dtls/sessions.ts";

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
  readonly socket: Socket;
  readonly serves: Port;
};

export class UdpPorts {
  /**
   * By local port and family. If several listen addresses have the same family, the first sends unsolicited datagrams.
   */
  readonly #senders = new Map<string, Socket>();
  readonly #sockets: BoundSocket[] = [];
  readonly #handlers: UdpHandlers;
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #required: boolean;
  /** The socket whose datagram is being handled: its reply leaves from the same local address. */
  #receiving: BoundSocket | null = null;
  /** The DTLS sessions of all ports, or null without DTLS. */
  readonly sessions: DtlsSessions<BoundSocket> | null;
  /** Datagrams passed to the kernel and not sent yet, and a callback for the last of them. */
  #unsent = 0;
  #closing = false;
  #onDrained: (() => void) | null = null;
  /** The smallest receive buffer the kernel granted, in bytes. */
  granted_bytes = Number.POSITIVE_INFINITY;

  private constructor(handlers: UdpHandlers, counters: Counters, dtls: Dtls | null, clock: Clock) {
    this.#handlers = handlers;
    this.#counters = counters;
    this.#clock = clock;
    this.#required = dtls?.required === true;
    const out = {
      send: ({ socket }: BoundSocket, to: Endpoint, datagram: Uint8Array) => this.#send(socket, to, datagram),
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
  ): Promise<UdpPorts> {
    const opened = new UdpPorts(handlers, counters, dtls, clock);
    try {
      for (const port of ports) {
        for (const address of listen) await opened.#bind(port, address, receive_buffer_bytes);
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
    this.#send(socket, to, bytes);
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
    if (this.#unsent > 0) await new Promise<void>((done) => (this.#onDrained = done));
    const sockets = this.#sockets.splice(0);
    this.#senders.clear();
    await Promise.all(sockets.map(({ socket }) => new Promise<void>((done) => socket.close(() => done()))));
  }

  #receive(bound: BoundSocket, from: Endpoint, bytes: Uint8Array): void {
    const { sessions } = this;
    if (this.#closing) return;
    if (sessions !== null) {
      if (isDtlsRecord(bytes)) return sessions.receive(bound, from, bytes, this.#clock.now());
      if (sessions.handleClaim(from, bytes, this.#clock.now())) return;
      if (this.#required) return this.#counters.add("dropped", "in_clear");
    }
    this.#handlers.onDatagram(bytes, from, bound.serves, bound.port);
  }

  #send(socket: Socket, to: Endpoint, bytes: Uint8Array): void {
    try {
      socket.send(bytes, to.port, to.address, this.#onSent);
      this.#unsent++;
    } catch {
      // The socket was closed, or the system refuses the address.
      this.#counters.add("socket_errors", "send");
    }
  }

  readonly #onSent = (error: Error | null): void => {
    if (--this.#unsent === 0) this.#onDrained?.();
    if (error !== null) this.#counters.add("socket_errors", "send");
  };

  async #bind(port: Port, address: string, receive_buffer_bytes: number): Promise<void> {
    const family = isIPv4(address) ? 4 : 6;
    const socket = family === 4 ? createSocket("udp4") : createSocket({ type: "udp6", ipv6Only: true });
    try {
      await new Promise<void>((done, failed) => {
        socket.once("error", failed);
        socket.bind(port.port, address, () => {
          socket.off("error", failed);
          done();
        });
      });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      // A machine without IPv6 can still serve IPv4.
      if (address === "::" && (code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL")) return;
      throw new Error(bindErrorText(port.port, address, code), { cause: error });
    }
    socket.on("error", () => this.#counters.add("socket_errors", "receive"));
    const bound: BoundSocket = { id: this.#sockets.length, port: port.port, family, socket, serves: port };
    this.#sockets.push(bound);
    const sender = `${port.port}/${family}`;
    if (!this.#senders.has(sender)) this.#senders.set(sender, socket);
    socket.on("message", (bytes, { address: from, port: fromPort }) => {
      const at = endpoint(from, fromPort);
      // Source port 0 cannot be answered (RFC 768), and sending to it throws.
      if (at === null) return this.#counters.add("dropped", "source_port_0");
      this.#receiving = bound;
      try {
        this.#receive(bound, at, bytes);
      } catch (error) {
        this.#handlers.onFault(error);
      }
      this.#receiving = null;
    });
    try {
      socket.setRecvBufferSize(receive_buffer_bytes);
    } catch {
      // Some systems throw instead of granting less; the granted size is read next.
    }
    this.granted_bytes = Math.min(this.granted_bytes, socket.getRecvBufferSize());
  }
}

function bindErrorText(port: number, address: string, code: string): string {
  const at = `UDP port ${port} on ${address}`;
  if (code === "EADDRINUSE") return `${at} is taken by another program`;
  if (code === "EACCES") return `${at} needs privileges that this user does not have`;
  if (code === "EADDRNOTAVAIL") return `${at}: this machine has no such address`;
  return `${at} cannot be opened: ${code}`;
}
