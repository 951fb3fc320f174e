/**
 * The sockets of one connection, by number: each is a socket of every family that the machine has an address of. None is connected, because a connected socket reports ICMP errors and receives from one endpoint only. A
 * datagram that the system refuses is lost, like any datagram.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import { type Endpoint, isLocal, isLoopback } from "../util/addresses.ts";
import { DISCARD_PORT, HOPS, HOSTS_MAX } from "./limits.ts";

export type DatagramHandler = (bytes: Uint8Array, socket: number, from: Endpoint) => void;

type Family = "udp4" | "udp6";
type SocketPair = { readonly [F in Family]?: Socket };

export class Sockets {
  #onDatagram: DatagramHandler;
  readonly #open = new Map<number, SocketPair>();
  readonly #families: readonly Family[];
  sent = 0;

  constructor(onDatagram: DatagramHandler) {
    this.#onDatagram = onDatagram;
    this.#families = (["udp4", "udp6"] as const).filter(hasAddress);
  }

  /** Another owner receives the datagrams from now on. */
  handOver(onDatagram: DatagramHandler): void {
    this.#onDatagram = onDatagram;
  }

  /**
   * Binds the socket, each family to a free port, unless it is bound. `towards`: an IPv6 address. The socket keeps the
   * source address that the system chooses for it now, also when a newer privacy address becomes the preferred one
   * (RFC 8981): the other side's router admits only the address that it knows.
   */
  async bind(number: number, towards?: string): Promise<void> {
    const pair = this.#pair(number);
    const { udp4, udp6 } = pair;
    const source = udp6 === undefined || towards === undefined ? null : await sourceTowards(towards);
    if (this.#open.get(number) !== pair) return;
    await Promise.all([udp4 && bindTo(udp4, null), udp6 && bindTo(udp6, source)]);
  }

  /** The local endpoints of a bound socket. */
  hosts(number: number): Endpoint[] {
    const pair = this.#open.get(number);
    return ownAddresses().flatMap((address) => {
      const bound = addressOf(pair?.[isIPv4(address) ? "udp4" : "udp6"]);
      const isReceived = bound !== null && (WILDCARDS.has(bound.address) || bound.address === address);
      return isReceived ? [{ address, port: bound.port }] : [];
    });
  }

  /** The local port of the address's family; null if it is not open. */
  port(number: number, towards: string): number | null {
    return portOf(this.#open.get(number)?.[isIPv4(towards) ? "udp4" : "udp6"]);
  }

  /** Whether this is the socket's local port, of either family. */
  hasPort(number: number, port: number): boolean {
    return Object.values(this.#open.get(number) ?? {}).some((socket) => portOf(socket) === port);
  }

  /** Opens the socket if it is new. `hops`: the TTL of this datagram. */
  send(number: number, to: Endpoint, bytes: Uint8Array, hops?: number): void {
    const socket = this.#pair(number)[to.address.includes(":") ? "udp6" : "udp4"];
    if (socket === undefined) return;
    this.sent++;
    // Without a callback, Node drops the error of a datagram and schedules nothing.
    if (hops === undefined) return socket.send(bytes, to.port, to.address);
    const sendShortLived = (): void => {
      socket.setTTL(hops);
      socket.send(bytes, to.port, to.address);
      socket.setTTL(HOPS);
    };
    if (portOf(socket) !== null) return sendShortLived();
    // A TTL can be set only once the socket is bound.
    socket.once("listening", sendShortLived);
    socket.bind();
  }

  close(...numbers: readonly number[]): void {
    for (const number of numbers) {
      for (const socket of Object.values(this.#open.get(number) ?? {})) socket.close();
      this.#open.delete(number);
    }
  }

  closeAll(): void {
    this.close(...this.#open.keys());
  }

  /** Returns the socket without listeners, and no longer owns it. */
  detach(number: number, towards: string): Socket | null {
    const family = isIPv4(towards) ? "udp4" : "udp6";
    const { [family]: socket, ...others } = this.#open.get(number) ?? {};
    this.#open.delete(number);
    for (const other of Object.values(others) as Socket[]) other.close();
    return socket?.removeAllListeners() ?? null;
  }

  #pair(number: number): SocketPair {
    const known = this.#open.get(number);
    if (known !== undefined) return known;
    const pair = Object.fromEntries(
      this.#families.map((family) => [family, this.#create(family, number)]),
    ) as SocketPair;
    this.#open.set(number, pair);
    return pair;
  }

  #create(type: Family, number: number): Socket {
    // Addresses are numeric. A synchronous lookup lets a datagram leave before the next line runs.
    const lookup = (host: string, _: unknown, found: (error: null, address: string, family: number) => void): void =>
      found(null, host, type === "udp4" ? 4 : 6);
    const socket = createSocket({ type, ipv6Only: type === "udp6", lookup });
    socket.on("message", (bytes, { address, port }) => this.#onDatagram(bytes, number, { address, port }));
    socket.on("error", () => {});
    return socket;
  }
}

const hasAddress = (family: Family): boolean =>
  ownAddresses().some((address) => isIPv4(address) === (family === "udp4"));

/** This machine's addresses, as others in its network know them; loopback if there are no others. */
export function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((rows) => (rows ?? []).map(({ address }) => address));
  const usable = all.filter((address) => !/^fe80:|%/i.test(address));
  const outer = usable.filter((address) => !isLoopback(address));
  return [...new Set(outer.length > 0 ? outer : usable)].slice(0, HOSTS_MAX);
}

const WILDCARDS = new Set(["0.0.0.0", "::"]);

async function bindTo(socket: Socket, address: string | null): Promise<void> {
  if (portOf(socket) !== null) return;
  const bound = once(socket, "listening");
  if (address === null) socket.bind();
  else socket.bind(0, address);
  // The address may just have been removed.
  await bound.catch((error: unknown) => {
    if (address === null) throw error;
    return bindTo(socket, null);
  });
}

/** The source address of datagrams to an IPv6 address; null if there is no way there. A connected socket shows it. */
async function sourceTowards(address: string): Promise<string | null> {
  const socket = createSocket({ type: "udp6", ipv6Only: true });
  try {
    const connected = once(socket, "connect");
    socket.connect(DISCARD_PORT, address);
    await connected;
    const source = socket.address().address;
    return isLoopback(source) || isLocal(source) ? null : source;
  } catch {
    return null;
  } finally {
    socket.close();
  }
}

const portOf = (socket: Socket | undefined): number | null => addressOf(socket)?.port ?? null;

function addressOf(socket: Socket | undefined): Endpoint | null {
  try {
    return socket?.address() ?? null;
  } catch {
    // Not bound yet, or closed: `address` throws.
    return null;
  }
}
