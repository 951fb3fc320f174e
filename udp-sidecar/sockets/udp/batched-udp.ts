/**
 * UDP sockets that receive and send in batches. Node reports the first datagram; recvmmsg(2) takes what has arrived
 * with it, and the replies leave in one sendmmsg(2). System calls and Node's objects are most of the cost of a datagram.
 */
import type { Socket } from "node:dgram";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { UDP_BATCH_MAX, UDP_BATCHED_BYTES_MAX, UDP_DATAGRAM_BYTES_MAX, UDP_TURN_MAX } from "#shared/limits.ts";
import { createDgramSocket, DgramSocket, senderOf } from "./dgram-socket.ts";
import { KnownEndpoints } from "./known-endpoints.ts";
import { type Libc, loadLibc } from "./libc.ts";
import { MessageBlock } from "./message-block.ts";
import { AF, copyName, writeName } from "./socket-names.ts";
import type { UdpBackend, UdpSocket, UdpSocketHandlers, UdpSocketOptions } from "./udp-socket.ts";

const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x8_0000;
const SOCK_NONBLOCK = 0x800;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const MSG_DONTWAIT = 0x40;
const YES = Uint8Array.of(1, 0, 0, 0);
const NAME_BYTES_MAX = 32;

/** Rejects with a sentence where the system or koffi does not provide the calls. Tests pass calls that fail. */
export async function openBatchedUdp(libc?: Libc): Promise<UdpBackend> {
  const batch = new Batch(libc ?? (await loadLibc()));
  return { name: "batched", open: (options, handlers) => new BatchedSocket(batch, options, handlers) };
}

/** Replies that wait for the end of the batch that caused them. All sockets of the process share it. */
class Batch {
  readonly libc: Libc;
  readonly incoming: MessageBlock;
  readonly #outgoing: MessageBlock;
  readonly known = { 4: new KnownEndpoints(4), 6: new KnownEndpoints(6) } as const;
  /** The sender of the datagram that is being handled, if its name is in `incoming`, and where. */
  from: Endpoint | null = null;
  from_at = 0;
  from_family: 4 | 6 = 4;
  readonly #to: Endpoint[] = [];
  #sender: BatchedSocket | null = null;
  #receiving = false;
  /** Datagrams that may still be taken in this turn of the event loop, so that timers and other sockets get theirs. */
  #left = UDP_TURN_MAX;

  constructor(libc: Libc) {
    this.libc = libc;
    this.incoming = new MessageBlock(libc, UDP_BATCH_MAX, UDP_DATAGRAM_BYTES_MAX);
    this.#outgoing = new MessageBlock(libc, UDP_BATCH_MAX, UDP_BATCHED_BYTES_MAX);
  }

  /** Runs the handlers of one batch, and sends what they queued. */
  receive(work: () => void): void {
    this.#receiving = true;
    try {
      work();
    } finally {
      this.from = null;
      this.flush();
      this.#receiving = false;
    }
  }

  /** How many datagrams a socket may take now. */
  get left(): number {
    return Math.min(this.#left, UDP_BATCH_MAX);
  }

  /** A socket took so many. An attempt counts as one. */
  spend(count: number): void {
    if (this.#left === UDP_TURN_MAX) setImmediate(() => (this.#left = UDP_TURN_MAX));
    this.#left -= Math.max(count, 1);
  }

  /** Queues a datagram; false if it must be sent by itself. */
  queue(sender: BatchedSocket, bytes: Uint8Array, to: Endpoint): boolean {
    if (!this.#receiving) return false;
    if (sender !== this.#sender) this.flush();
    const n = this.#to.length;
    const name_length = bytes.length <= UDP_BATCHED_BYTES_MAX ? this.#writeName(n, sender, to) : 0;
    if (name_length === 0) {
      // It must not overtake the ones before it.
      this.flush();
      return false;
    }
    this.#sender = sender;
    this.#outgoing.put(n, bytes, name_length);
    this.#to.push(to);
    if (this.#to.length === UDP_BATCH_MAX) this.flush();
    return true;
  }

  #writeName(n: number, { family }: BatchedSocket, to: Endpoint): number {
    const { view } = this.#outgoing;
    const at = this.#outgoing.nameAt(n);
    // Most datagrams are replies. Another socket may be of another family.
    if (to === this.from && family === this.from_family)
      return copyName(this.incoming.view, this.from_at, view, at, family);
    return writeName(view, at, family, to.address, to.port);
  }

  flush(): void {
    const sender = this.#sender;
    if (sender === null) return;
    this.#sender = null;
    const to = this.#to.splice(0);
    for (let n = 0; n < to.length;) {
      const sent = sender.isOpen
        ? this.libc.sendmmsg(sender.fd, this.#outgoing.pointer(n), to.length - n, MSG_DONTWAIT)
        : 0;
      if (sent > 0) n += sent;
      else {
        const error = sender.isOpen ? this.libc.errorName() : "EBADF";
        if (error === "EINTR") continue;
        // The error belongs to the first datagram; the others are tried again.
        if (error === "EAGAIN") sender.sendAlone(Buffer.from(this.#outgoing.payload(n)), to[n]!);
        else sender.handlers.onError("send");
        n++;
      }
    }
  }
}

class BatchedSocket implements UdpSocket {
  readonly family: 4 | 6;
  readonly fd: number;
  readonly handlers: UdpSocketHandlers;
  readonly #batch: Batch;
  /** Node's socket of the same descriptor: it waits for datagrams, and queues what the kernel does not accept now. */
  readonly #alone: DgramSocket;
  #open = true;

  constructor(batch: Batch, options: UdpSocketOptions, handlers: UdpSocketHandlers) {
    this.#batch = batch;
    this.family = options.family;
    this.handlers = handlers;
    const { fd, socket } = bindDescriptor(batch.libc, options);
    this.fd = fd;
    this.#alone = new DgramSocket(socket, handlers);
    socket.on("message", (bytes, info) =>
      batch.receive(() => {
        handlers.onDatagram(bytes, senderOf(info));
        this.#drain();
      }),
    );
  }

  get isOpen(): boolean {
    return this.#open;
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    // What waits in Node's queue goes first.
    if (this.#alone.queuedBytes() > 0 || !this.#batch.queue(this, bytes, to)) this.#alone.send(bytes, to);
  }

  sendAlone(bytes: Uint8Array, to: Endpoint): void {
    this.#alone.send(bytes, to);
  }

  queuedBytes(): number {
    return this.#alone.queuedBytes();
  }

  setReceiveBuffer(bytes: number): number {
    return this.#alone.setReceiveBuffer(bytes);
  }

  close(): Promise<void> {
    this.#end();
    return this.#alone.close();
  }

  discard(): void {
    this.#end();
    this.#alone.discard();
  }

  #end(): void {
    if (this.#open) this.#batch.flush();
    // The descriptor's number may soon be another socket's.
    this.#open = false;
  }

  /** Takes the datagrams that arrived with the first one. */
  #drain(): void {
    const batch = this.#batch;
    const { libc, incoming } = batch;
    const known = batch.known[this.family];
    for (;;) {
      const wanted = this.#open ? batch.left : 0;
      if (wanted <= 0) return;
      const count = libc.recvmmsg(this.fd, incoming.pointer(0), wanted, MSG_DONTWAIT, null);
      batch.spend(count);
      batch.from_family = this.family;
      for (let n = 0; n < count && this.#open; n++) {
        batch.from_at = incoming.nameAt(n);
        batch.from = known.read(incoming.view, batch.from_at);
        this.handlers.onDatagram(incoming.received(n), batch.from);
      }
      batch.flush();
      // More may have arrived in the meantime, and the next one through Node would cost as much as several here.
      if (count <= 0) return;
    }
  }
}

/** Opens and binds a descriptor, and gives it to a socket of Node, which closes it. */
function bindDescriptor(libc: Libc, { address, port, family }: UdpSocketOptions): { fd: number; socket: Socket } {
  const fd = libc.socket(AF[family], SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw systemError(libc);
  try {
    if (family === 6 && libc.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, YES, YES.length) !== 0) throw systemError(libc);
    const name = new Uint8Array(NAME_BYTES_MAX);
    const length = writeName(new DataView(name.buffer), 0, family, address, port);
    if (libc.bind(fd, name, length) !== 0) throw systemError(libc);
    const socket = createDgramSocket(family);
    socket.bind({ fd, exclusive: true });
    return { fd, socket };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function systemError(libc: Libc): NodeJS.ErrnoException {
  const code = libc.errorName();
  return Object.assign(new Error(`the system refused the socket: ${code}`), { code });
}
