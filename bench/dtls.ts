/** DTLS clients for the benchmark, each on its own socket, with the OpenSSL library that the sidecar uses. */
import type { ChildProcess } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { readFileSync } from "node:fs";
import { DtlsTestClient, type DtlsClientFactory } from "../test/support/dtls.ts";
import { cpuSeconds, type Throughput, measureThroughput, MEASURE_MS, WINDOW } from "./measure.ts";

/** The timeout of a handshake; a handshake that lost a datagram does not count. */
const TIMEOUT_MS = 1_000;

export class DtlsPeer {
  readonly socket: Socket = createSocket("udp4");
  readonly client: DtlsTestClient;
  /** Called after each received datagram has been processed. */
  onDatagram: () => void = () => {};
  readonly #port: number;

  constructor(clients: DtlsClientFactory, port: number) {
    this.#port = port;
    this.client = new DtlsTestClient(clients.create(), { address: "127.0.0.1", port });
    this.socket.on("message", (bytes) => {
      this.send(this.client.step(bytes));
      this.onDatagram();
    });
  }

  /** Resolves with whether the handshake succeeded. */
  connect(): Promise<boolean> {
    return new Promise((done) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.onDatagram = () => {};
        done(this.client.state === "open");
      };
      const timer = setTimeout(finish, TIMEOUT_MS);
      this.onDatagram = () => this.client.state !== "shaking" && finish();
      this.send(this.client.step(null));
    });
  }

  send(datagrams: readonly Uint8Array[]): void {
    for (const datagram of datagrams) this.socket.send(datagram, this.#port, "127.0.0.1");
  }

  close(): void {
    this.client.conversation.free();
    this.socket.close();
  }
}

/** Like `flood`, under DTLS: keeps a window of requests open, each with one response. */
export async function dtlsFlood(
  sealed: readonly DtlsPeer[],
  server: ChildProcess,
  request: (at: number) => string,
): Promise<Throughput> {
  let responses = 0;
  let isRunning = true;
  for (const [at, one] of sealed.entries()) {
    one.onDatagram = () => {
      responses++;
      one.client.received.length = 0;
      if (isRunning) one.send([one.client.encrypt(request(at))]);
    };
    for (let each = 0; each < WINDOW / sealed.length; each++) one.send([one.client.encrypt(request(at))]);
  }
  const figures = await measureThroughput(server, () => responses);
  isRunning = false;
  return figures;
}

/** Handshakes per second with `at_once` concurrent clients, each closed properly. */
export async function measureHandshakes(
  clients: DtlsClientFactory,
  port: number,
  server: ChildProcess,
  at_once: number,
): Promise<Throughput> {
  let done = 0;
  const [cpu, began] = [cpuSeconds(server), performance.now()];
  const one = async (): Promise<void> => {
    while (performance.now() < began + MEASURE_MS) {
      const sealed = new DtlsPeer(clients, port);
      if (await sealed.connect()) done++;
      sealed.send(sealed.client.conversation.close());
      sealed.close();
    }
  };
  await Promise.all(Array.from({ length: at_once }, one));
  return { per_s: done / ((performance.now() - began) / 1_000), per_cpu_s: done / (cpuSeconds(server) - cpu) };
}

/** The server's resident memory per open session, in bytes. */
export async function memoryPerSession(
  clients: DtlsClientFactory,
  port: number,
  server: ChildProcess,
  count: number,
): Promise<number> {
  const before = residentBytes(server);
  const held: DtlsPeer[] = [];
  for (let at = 0; at < count; at++) {
    const sealed = new DtlsPeer(clients, port);
    if (await sealed.connect()) held.push(sealed);
    else sealed.close();
  }
  const bytes = (residentBytes(server) - before) / held.length;
  for (const sealed of held) {
    sealed.send(sealed.client.conversation.close());
    sealed.close();
  }
  return bytes;
}

function residentBytes({ pid }: ChildProcess): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1];
  return Number(kilobytes) * 1_024;
}
