/**
 * The UDP ports: the only place where datagrams come in and go out. Every reply leaves by the door it is an answer
 * to: in clear from a socket, or through the DTLS session of whoever is told. No error of a socket or of a destination
 * ends anything: it is counted.
 */
import { createSocket, type Socket } from "node:dgram";
import { isSealed, portOf, sealed } from "#shared/net/local-port.ts";
import { type Endpoint, endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import type { Port } from "../config/config.ts";
import type { Tally } from "../core/counters.ts";
import type { Dtls } from "./dtls/dtls.ts";
import { isDtls } from "./dtls/records.ts";
import type { Sessions } from "./dtls/sessions.ts";

export type On = {
  /** A datagram that came through a door of this port, or what was said in one. */
  datagram(bytes: Uint8Array, from: Endpoint, port: Port, via: number): void;
  /** A bug of ours, found by a datagram. */
  fault(error: unknown): void;
};

/** One socket. Sessions belong to the one that their client chose. */
type Lane = {
  readonly id: number;
  readonly port: number;
  readonly family: 4 | 6;
  readonly socket: Socket;
  readonly serves: Port;
};

export class UdpPorts {
  /** By local port and family; with several listen addresses of one family the first one speaks unasked. */
  readonly #speakers = new Map<string, Socket>();
  readonly #lanes: Lane[] = [];
  readonly #on: On;
  readonly #tally: Tally;
  readonly #required: boolean;
  /** The socket that is being heard right now: an answer to it leaves from the very address that was asked. */
  #heard: Lane | null = null;
  /** The DTLS sessions of all ports, or null without DTLS. */
  readonly sessions: Sessions<Lane> | null;
  /** Datagrams on their way to the kernel, and who waits for the last of them. */
  #leaving = 0;
  #closing = false;
  #left: (() => void) | null = null;
  /** The smallest receive buffer the kernel granted, in bytes. */
  granted_bytes = Number.POSITIVE_INFINITY;

  private constructor(on: On, tally: Tally, dtls: Dtls | null) {
    this.#on = on;
    this.#tally = tally;
    this.#required = dtls?.required === true;
    const out = {
      send: ({ socket }: Lane, to: Endpoint, datagram: Uint8Array) => this.#send(socket, to, datagram),
      hear: ({ serves, port }: Lane, from: Endpoint, message: Uint8Array) =>
        on.datagram(message, from, serves, sealed(port)),
    };
    this.sessions = dtls?.sessions<Lane>(out, tally, Date.now()) ?? null;
  }

  /** Opens all of them or none. Rejects with the port and the reason in words. */
  static async open(
    {
      ports,
      listen,
      receive_buffer_bytes,
    }: { ports: readonly Port[]; listen: readonly string[]; receive_buffer_bytes: number },
    on: On,
    tally: Tally,
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
      if (this.sessions?.say(portOf(via), to, bytes) !== true) this.#tally.add("dtls_dropped", "unsaid");
      return;
    }
    const family = isIPv4(to.address) ? 4 : 6;
    const heard = this.#heard;
    const socket =
      heard !== null && heard.port === via && heard.family === family
        ? heard.socket
        : this.#speakers.get(`${via}/${family}`);
    if (socket === undefined) return this.#tally.add("socket_errors", "no_such_port");
    this.#send(socket, to, bytes);
  }

  /** What time brings to the sessions. */
  pass(now: number): void {
    try {
      this.sessions?.pass(now);
    } catch (error) {
      this.#on.fault(error);
    }
  }

  /** Says goodbye to every session, hears nothing more, and closes when the last word has left. */
  async close(): Promise<void> {
    this.#closing = true;
    this.sessions?.close();
    if (this.#leaving > 0) await new Promise<void>((done) => (this.#left = done));
    const lanes = this.#lanes.splice(0);
    this.#speakers.clear();
    await Promise.all(lanes.map(({ socket }) => new Promise<void>((done) => socket.close(() => done()))));
  }

  #receive(lane: Lane, from: Endpoint, bytes: Uint8Array): void {
    const { sessions } = this;
    if (this.#closing) return;
    if (sessions !== null) {
      if (isDtls(bytes)) return sessions.receive(lane, from, bytes, Date.now());
      if (sessions.claim(from, bytes, Date.now())) return;
      if (this.#required) return this.#tally.add("dropped", "in_clear");
    }
    this.#on.datagram(bytes, from, lane.serves, lane.port);
  }

  #send(socket: Socket, to: Endpoint, bytes: Uint8Array): void {
    try {
      socket.send(bytes, to.port, to.address, this.#onSent);
      this.#leaving++;
    } catch {
      // Closed under us, or an address the system will not have.
      this.#tally.add("socket_errors", "send");
    }
  }

  readonly #onSent = (error: Error | null): void => {
    if (--this.#leaving === 0) this.#left?.();
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
      throw new Error(reason(port.port, address, code), { cause: error });
    }
    socket.on("error", () => this.#tally.add("socket_errors", "receive"));
    const lane: Lane = { id: this.#lanes.length, port: port.port, family, socket, serves: port };
    this.#lanes.push(lane);
    const speaker = `${port.port}/${family}`;
    if (!this.#speakers.has(speaker)) this.#speakers.set(speaker, socket);
    socket.on("message", (bytes, { address: from, port: fromPort }) => {
      const at = endpoint(from, fromPort);
      // Source port 0 cannot be answered (RFC 768), and sending to it throws.
      if (at === null) return this.#tally.add("dropped", "source_port_0");
      this.#heard = lane;
      try {
        this.#receive(lane, at, bytes);
      } catch (error) {
        this.#on.fault(error);
      }
      this.#heard = null;
    });
    try {
      socket.setRecvBufferSize(receive_buffer_bytes);
    } catch {
      // Some systems refuse instead of granting less; what they granted is read next.
    }
    this.granted_bytes = Math.min(this.granted_bytes, socket.getRecvBufferSize());
  }
}

function reason(port: number, address: string, code: string): string {
  const at = `UDP port ${port} on ${address}`;
  if (code === "EADDRINUSE") return `${at} is taken by another program`;
  if (code === "EACCES") return `${at} needs more rights than this user has`;
  if (code === "EADDRNOTAVAIL") return `${at}: this machine has no such address`;
  return `${at} cannot be opened: ${code}`;
}
