/**
 * The UDP ports: the only place where datagrams come in and go out. Every reply leaves by the door it is an answer
 * to: in clear from a socket, or through the DTLS session of whoever is told. No error of a socket or of a destination
 * ends anything: it is counted.
 */
import { createSocket, type Socket } from "node:dgram";
import { isSealed, portOf, sealed } from "#shared/net/local-port.ts";
import { type Endpoint, endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import type { Port } from "../config/config.ts";
import type { Counters } from "../core/counters.ts";
import type { Dtls } from "./dtls/dtls.ts";
import { isDtls } from "./dtls/records.ts";
import type { DtlsSessions } from "./dtls/sessions.ts";

export type UdpHandlers = {
  /** A datagram that came through a door of this port, or what was said in one. */
  datagram(bytes: Uint8Array, from: Endpoint, port: Port, via: number): void;
  /** A bug of ours, found by a datagram. */
  fault(error: unknown): void;
};

/** One socket. Sessions belong to the one that their client chose. */
type BoundSocket = {
  readonly id: number;
  readonly port: number;
  readonly family: 4 | 6;
  readonly socket: Socket;
  readonly serves: Port;
};

export class UdpPorts {
  /** By local port and family; with several listen addresses of one family the first one speaks unasked. */
  readonly #senders = new Map<string, Socket>();
  readonly #sockets: BoundSocket[] = [];
  readonly #handlers: UdpHandlers;
  readonly #tally: Counters;
  readonly #required: boolean;
  /** The socket that is being heard right now: an answer to it leaves from the very address that was asked. */
  #receiving: BoundSocket | null = null;
  /** The DTLS sessions of all ports, or null without DTLS. */
  readonly sessions: DtlsSessions<BoundSocket> | null;
  /** Datagrams on their way to the kernel, and who waits for the last of them. */
  #unsent = 0;
  #closing = false;
  #onDrained: (() => void) | null = null;
  /** The smallest receive buffer the kernel granted, in bytes. */
  granted_bytes = Number.POSITIVE_INFINITY;

  private constructor(on: UdpHandlers, tally: Counters, dtls: Dtls | null) {
    this.#handlers = on;
    this.#tally = tally;
    this.#required = dtls?.required === true;
    const out = {
      send: ({ socket }: BoundSocket, to: Endpoint, datagram: Uint8Array) => this.#send(socket, to, datagram),
      hear: ({ serves, port }: BoundSocket, from: Endpoint, message: Uint8Array) =>
        on.datagram(message, from, serves, sealed(port)),
    };
    this.sessions = dtls?.sessions<BoundSocket>(out, tally, Date.now()) ?? null;
  }

  /** Opens all of them or none. Rejects with the port and the reason in words. */
  static async open(
    {
      ports,
      listen,
      receive_buffer_bytes,
    }: { ports: readonly Port[]; listen: readonly string[]; receive_buffer_bytes: number },
    on: UdpHandlers,
    tally: Counters,
    dtls: Dtls | null,
  ): Promise<UdpPorts> {
    const opened = new UdpPorts(on, tally, dtls);
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
    if (isSealed(via)) {
      // Where the session is over, nothing is said: it was not meant for everybody on the way.
      if (this.sessions?.send(portOf(via), to, bytes) !== true) this.#tally.add("dtls_dropped", "unsaid");
      return;
    }
    const family = isIPv4(to.address) ? 4 : 6;
    const heard = this.#receiving;
    const socket =
      heard !== null && heard.port === via && heard.family === family
        ? heard.socket
        : this.#senders.get(`${via}/${family}`);
    if (socket === undefined) return this.#tally.add("socket_errors", "no_such_port");
    this.#send(socket, to, bytes);
  }

  /** What time brings to the sessions. */
  tick(now: number): void {
    try {
      this.sessions?.tick(now);
    } catch (error) {
      this.#handlers.fault(error);
    }
  }

  /** Says goodbye to every session, hears nothing more, and closes when the last word has left. */
  async close(): Promise<void> {
    this.#closing = true;
    this.sessions?.close();
    if (this.#unsent > 0) await new Promise<void>((done) => (this.#onDrained = done));
    const lanes = this.#sockets.splice(0);
    this.#senders.clear();
    await Promise.all(lanes.map(({ socket }) => new Promise<void>((done) => socket.close(() => done()))));
  }

  #receive(lane: BoundSocket, from: Endpoint, bytes: Uint8Array): void {
    const { sessions } = this;
    if (this.#closing) return;
    if (sessions !== null) {
      if (isDtls(bytes)) return sessions.receive(lane, from, bytes, Date.now());
      if (sessions.handleClaim(from, bytes, Date.now())) return;
      if (this.#required) return this.#tally.add("dropped", "in_clear");
    }
    this.#handlers.datagram(bytes, from, lane.serves, lane.port);
  }

  #send(socket: Socket, to: Endpoint, bytes: Uint8Array): void {
    try {
      socket.send(bytes, to.port, to.address, this.#onSent);
      this.#unsent++;
    } catch {
      // Closed under us, or an address the system will not have.
      this.#tally.add("socket_errors", "send");
    }
  }

  readonly #onSent = (error: Error | null): void => {
    if (--this.#unsent === 0) this.#onDrained?.();
    if (error !== null) this.#tally.add("socket_errors", "send");
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
      // A machine without IPv6 still serves IPv4.
      if (address === "::" && (code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL")) return;
      throw new Error(bindErrorText(port.port, address, code), { cause: error });
    }
    socket.on("error", () => this.#tally.add("socket_errors", "receive"));
    const lane: BoundSocket = { id: this.#sockets.length, port: port.port, family, socket, serves: port };
    this.#sockets.push(lane);
    const speaker = `${port.port}/${family}`;
    if (!this.#senders.has(speaker)) this.#senders.set(speaker, socket);
    socket.on("message", (bytes, { address: from, port: fromPort }) => {
      const at = endpoint(from, fromPort);
      // Source port 0 cannot be answered (RFC 768), and sending to it throws.
      if (at === null) return this.#tally.add("dropped", "source_port_0");
      this.#receiving = lane;
      try {
        this.#receive(lane, at, bytes);
      } catch (error) {
        this.#handlers.fault(error);
      }
      this.#receiving = null;
    });
    try {
      socket.setRecvBufferSize(receive_buffer_bytes);
    } catch {
      // Some systems refuse instead of granting less; what they granted is read next.
    }
    this.granted_bytes = Math.min(this.granted_bytes, socket.getRecvBufferSize());
  }
}

function bindErrorText(port: number, address: string, code: string): string {
  const at = `UDP port ${port} on ${address}`;
  if (code === "EADDRINUSE") return `${at} is taken by another program`;
  if (code === "EACCES") return `${at} needs more rights than this user has`;
  if (code === "EADDRNOTAVAIL") return `${at}: this machine has no such address`;
  return `${at} cannot be opened: ${code}`;
}
