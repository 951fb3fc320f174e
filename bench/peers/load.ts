/**
 * Load that costs less than the servers it is put on: sockets that receive and send in batches, as the sidecar's do. A
 * slower generator would leave gaps between datagrams and so measure wake-ups instead of work.
 */
import type { ChildProcess } from "node:child_process";
import type { UdpBackend, UdpSocket } from "../../udp-sidecar/sockets/udp/udp-socket.ts";
import { measureThroughput, type Throughput } from "../measure.ts";

/** Requests in flight over all sockets. */
const WINDOW = 256;
const TIMEOUT_MS = 1_000;

export class LoadSocket {
  onDatagram: () => void = () => {};
  readonly #socket: UdpSocket;
  readonly #to: { readonly address: string; readonly port: number };

  constructor(backend: UdpBackend, port: number) {
    this.#to = { address: "127.0.0.1", port };
    const options = { address: "127.0.0.1", port: 0, family: 4 } as const;
    this.#socket = backend.open(options, { onDatagram: () => this.onDatagram(), onError: () => {} });
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.#to);
  }

  /** Resolves with the next datagram, or after the timeout. */
  ask(bytes: Uint8Array): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, TIMEOUT_MS);
      this.onDatagram = () => {
        clearTimeout(timer);
        done();
      };
      this.send(bytes);
    });
  }

  close(): void {
    this.#socket.discard();
  }
}

/** Keeps a window of requests open: responses per second, and per second of the server's CPU. */
export async function saturate(
  sockets: readonly LoadSocket[],
  server: ChildProcess,
  request: (at: number) => Uint8Array,
): Promise<Throughput> {
  let responses = 0;
  for (const [at, socket] of sockets.entries()) {
    socket.onDatagram = () => {
      responses++;
      socket.send(request(at));
    };
    for (let one = 0; one < WINDOW / sockets.length; one++) socket.send(request(at));
  }
  const figures = await measureThroughput(server, () => responses);
  for (const socket of sockets) socket.onDatagram = () => {};
  return figures;
}
