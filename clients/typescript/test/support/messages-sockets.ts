/** A lobby on this machine that introduces its members to each other: one socket per member, one seal per pair. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setImmediate as immediate, setTimeout as passes } from "node:timers/promises";
import { seeded } from "../../../../test/support/dice.ts";
import type { DatagramPath, Paths, PathsListener } from "../../src/messages/path.ts";
import { routeOf, Seal } from "../../src/secure/seal.ts";
import { PeerMessages } from "../../src/steam/messages.ts";

const PATIENCE_MS = 100_000;
const PAYLOAD_BYTES_MAX = 1_207;

/** One turn of the event loop, and a little more. */
export const turn = async (): Promise<void> => {
  await passes(2);
  await immediate();
};

export async function until(isSo: () => boolean): Promise<void> {
  for (const began = performance.now(); !isSo(); await turn()) {
    if (performance.now() - began > PATIENCE_MS) throw new Error("it did not come about");
  }
}

export class Lobby {
  readonly introduced: string[] = [];
  loss = 0;
  received = 0;
  readonly #guests = new Map<string, Guest>();
  readonly #asked = new Set<string>();
  readonly #dice = seeded(9);
  #pairs = 0;

  async enter(name: string): Promise<Guest> {
    const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 20 });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const guest = new Guest(name, socket, this);
    this.#guests.set(name, guest);
    return guest;
  }

  connect(from: string, to: string): void {
    if (this.#asked.has(`${to} ${from}`)) return this.introduce(from, to);
    this.#asked.add(`${from} ${to}`);
    this.#guests.get(to)?.on?.requested(from);
  }

  refuse(from: string, to: string): void {
    this.#guests.get(to)?.on?.failed(from, 4_100, "the peer does not want to talk");
  }

  introduce(a: string, b: string): void {
    if (!this.#asked.delete(`${a} ${b}`) && !this.#asked.delete(`${b} ${a}`)) return;
    this.introduced.push(`${a} ${b}`);
    const key = new Uint8Array(32);
    new DataView(key.buffer).setUint32(0, ++this.#pairs);
    const [one, other] = [this.#guests.get(a)!, this.#guests.get(b)!];
    one.reach(b, other.port, new Seal({ key, epoch: 0, role: "a" }));
    other.reach(a, one.port, new Seal({ key, epoch: 0, role: "b" }));
  }

  /** Whether the next datagram is lost. */
  loses(): boolean {
    return this.loss > 0 && this.#dice() < this.loss;
  }

  close(): void {
    for (const guest of this.#guests.values()) guest.close();
  }
}

class Guest implements Paths {
  readonly name: string;
  readonly messages: PeerMessages;
  readonly paths = new Map<string, DatagramPath>();
  on: PathsListener | null = null;
  readonly #socket: Socket;
  readonly #lobby: Lobby;
  readonly #seals = new Map<number, { seal: Seal; path: DatagramPath }>();

  constructor(name: string, socket: Socket, lobby: Lobby) {
    this.name = name;
    this.#socket = socket;
    this.#lobby = lobby;
    this.messages = new PeerMessages({ self: name, paths: this });
    socket.on("message", (bytes) => {
      lobby.received++;
      const known = this.#seals.get(routeOf(bytes) ?? -1);
      const body = known?.seal.open(bytes, performance.now());
      if (known !== undefined && body instanceof Uint8Array) known.path.onDatagram?.(body);
    });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  reach(peer: string, port: number, seal: Seal): void {
    const [route] = seal.routes;
    const path: DatagramPath = {
      kind: "direct",
      rtt_ms: null,
      mtu: PAYLOAD_BYTES_MAX,
      onDatagram: null,
      onClosed: null,
      send: (bytes) => {
        if (!this.#lobby.loses()) this.#socket.send(seal.seal(bytes, performance.now()), port, "127.0.0.1");
      },
      close: () => void this.#seals.delete(route!),
    };
    this.#seals.set(route!, { seal, path });
    this.paths.set(peer, path);
    this.on?.opened(peer, path);
  }

  connect(peer: string): void {
    this.#lobby.connect(this.name, peer);
  }

  accept(peer: string): void {
    this.#lobby.introduce(peer, this.name);
  }

  refuse(peer: string): void {
    this.#lobby.refuse(this.name, peer);
  }

  async payloads(channel: number, count: number): Promise<Uint8Array[]> {
    const payloads: Uint8Array[] = [];
    await until(() => {
      payloads.push(...this.messages.receiveMessagesOnChannel(channel, 100).map(({ payload }) => payload));
      return payloads.length >= count;
    });
    return payloads;
  }

  async texts(channel: number, count: number): Promise<string[]> {
    return (await this.payloads(channel, count)).map((payload) => Buffer.from(payload).toString());
  }

  close(): void {
    this.messages.close();
    this.#socket.close();
  }
}
