/**
 * The UDP ports: the only place where datagrams come in and go out. Every reply leaves from the port it is an answer
 * to. No error of a socket or of a destination ends anything: it is counted.
 */
import { createSocket, type Socket } from "node:dgram";
import { type Endpoint, endpoint, isIPv4 } from "#shared/endpoint.ts";
import type { Port } from "../config.ts";
import type { Tally } from "../tally.ts";

export type OnDatagram = (bytes: Uint8Array, from: Endpoint, port: Port) => void;

export class UdpPorts {
  /** By local port and family; with several listen addresses of one family the first one speaks unasked. */
  readonly #speakers = new Map<string, Socket>();
  readonly #sockets: Socket[] = [];
  readonly #tally: Tally;
  /** The socket that is being heard right now: an answer to it leaves from the very address that was asked. */
  #heard: { readonly port: number; readonly socket: Socket; readonly family: 4 | 6 } | null = null;
  /** The smallest receive buffer the kernel granted, in bytes. */
  granted_bytes = Number.POSITIVE_INFINITY;

  private constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** Opens all of them or none. Rejects with the port and the reason in words. */
  static async open(
    ports: readonly Port[],
    listen: readonly string[],
    receive_buffer_bytes: number,
    on: OnDatagram,
    tally: Tally,
  ): Promise<UdpPorts> {
    const opened = new UdpPorts(tally);
    try {
      for (const port of ports) {
        for (const address of listen) await opened.#bind(port, address, receive_buffer_bytes, on);
      }
    } catch (error) {
      await opened.close();
      throw error;
    }
    return opened;
  }

  send(via: number, to: Endpoint, bytes: Uint8Array): void {
    const family = isIPv4(to.address) ? 4 : 6;
    const heard = this.#heard;
    const socket =
      heard !== null && heard.port === via && heard.family === family
        ? heard.socket
        : this.#speakers.get(`${via}/${family}`);
    if (socket === undefined) return this.#tally.add("socket_errors", "no_such_port");
    try {
      socket.send(bytes, to.port, to.address, this.#onSent);
    } catch {
      // Closed under us, or an address the system will not have.
      this.#tally.add("socket_errors", "send");
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#sockets.splice(0).map((socket) => new Promise<void>((done) => socket.close(() => done()))));
    this.#speakers.clear();
  }

  readonly #onSent = (error: Error | null): void => {
    if (error !== null) this.#tally.add("socket_errors", "send");
  };

  async #bind(port: Port, address: string, receive_buffer_bytes: number, on: OnDatagram): Promise<void> {
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
    this.#sockets.push(socket);
    const speaker = `${port.port}/${family}`;
    if (!this.#speakers.has(speaker)) this.#speakers.set(speaker, socket);
    const heard = { port: port.port, socket, family } as const;
    socket.on("message", (bytes, { address: from, port: fromPort }) => {
      const at = endpoint(from, fromPort);
      // Source port 0 cannot be answered (RFC 768), and sending to it throws.
      if (at === null) return this.#tally.add("dropped", "source_port_0");
      this.#heard = heard;
      on(bytes, at, port);
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
