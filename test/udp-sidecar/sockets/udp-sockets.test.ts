/** UDP sockets on loopback: both implementations keep the same promises. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { UDP_BATCH_MAX, UDP_BATCHED_BYTES_MAX, UDP_DATAGRAM_BYTES_MAX, UDP_TURN_MAX } from "#shared/limits.ts";
import { openBatchedUdp } from "../../../udp-sidecar/sockets/udp/batched-udp.ts";
import { loadLibc, type Libc } from "../../../udp-sidecar/sockets/udp/libc.ts";
import type { UdpBackend, UdpSocket } from "../../../udp-sidecar/sockets/udp/udp-socket.ts";
import { freePort } from "../../../tools/run/ports.ts";
import { eventually } from "../../support/test-stack.ts";
import { canSendFromPortZero, sendFromPortZero } from "../../support/port-zero.ts";
import { UDP_BACKENDS } from "../support/udp-backends.ts";

type Received = { readonly text: string; readonly bytes: Uint8Array; readonly from: Endpoint };
/** What a server does with a datagram. */
type Handle = (socket: UdpSocket, received: Received) => void;

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) void socket.close();
});

const echo: Handle = (socket, { bytes, from }) => socket.send(bytes, from);

describe.each(UDP_BACKENDS)("a $name socket", (backend) => {
  test.each([
    ["127.0.0.1", 4],
    ["::1", 6],
  ] as const)("echoes datagrams of any length over %s", async (address, family) => {
    const server = await Server.open(backend, echo, address, family);
    const client = await Client.open(address);
    const lengths = [0, 1, UDP_BATCHED_BYTES_MAX, UDP_BATCHED_BYTES_MAX + 1, 1, UDP_DATAGRAM_BYTES_MAX, 0];
    for (const length of lengths) client.send("x".repeat(length), server.port);
    await client.hears(lengths.length);
    expect(client.texts.map(({ length }) => length)).toStrictEqual(lengths);
    expect(server.received.map(({ from }) => from)).toStrictEqual(lengths.map(() => ({ address, port: client.port })));
    expect(server.errors).toStrictEqual([]);
  });

  test("answers three batches of clients in their order, each to its sender", async () => {
    const server = await Server.open(backend, echo);
    const clients = await Promise.all(Array.from({ length: 8 }, () => Client.open("127.0.0.1")));
    const each = (3 * UDP_BATCH_MAX) / clients.length;
    for (let at = 0; at < each; at++)
      for (const [n, client] of clients.entries()) client.send(`${n} ${at}`, server.port);
    for (const [n, client] of clients.entries()) {
      await client.hears(each);
      expect(client.texts).toStrictEqual(Array.from({ length: each }, (_, at) => `${n} ${at}`));
    }
  });

  test("gives datagrams that later ones do not overwrite", async () => {
    const server = await Server.open(backend, () => {});
    const client = await Client.open("127.0.0.1");
    const texts = Array.from({ length: 4 * UDP_BATCH_MAX }, (_, at) => `datagram ${at}`);
    for (const text of texts) client.send(text, server.port);
    await server.receives(texts.length);
    expect(server.received.map(({ bytes }) => Buffer.from(bytes).toString())).toStrictEqual(texts);
  });

  test("counts a refused destination and sends what is before and behind it", async () => {
    // The system refuses a broadcast, port 0, and an address of the other family.
    const refused = [
      { address: "255.255.255.255", port: 9 },
      { address: "::1", port: 9 },
    ];
    const server = await Server.open(backend, (socket, { text, from }) => {
      socket.send(Buffer.from(`before ${text}`), from);
      for (const to of refused) socket.send(Buffer.from("lost"), to);
      socket.send(Buffer.from(`behind ${text}`), from);
    });
    const client = await Client.open("127.0.0.1");
    for (const text of ["one", "two"]) client.send(text, server.port);
    await client.hears(4);
    expect(client.texts).toStrictEqual(["before one", "behind one", "before two", "behind two"]);
    await eventually(
      async () => server.errors.length,
      (count) => count >= 4,
    );
    expect(server.errors).toStrictEqual(["send", "send", "send", "send"]);
  });

  test("survives replies to a port that nobody listens at", async () => {
    const closed = await freePort("udp");
    const server = await Server.open(backend, (socket, { bytes, from }) => {
      socket.send(bytes, { address: "127.0.0.1", port: closed });
      socket.send(bytes, from);
    });
    const client = await Client.open("127.0.0.1");
    for (let at = 0; at < 10; at++) client.send(String(at), server.port);
    await client.hears(10);
  });

  test.skipIf(!canSendFromPortZero)("reports a source port of 0 among others", async () => {
    const server = await Server.open(backend, () => {});
    const client = await Client.open("127.0.0.1");
    client.send("before", server.port);
    sendFromPortZero(server.port, "from port zero");
    client.send("after", server.port);
    await server.receives(3);
    const ports = new Map(server.received.map(({ text, from }) => [text, from.port]));
    expect([ports.get("before"), ports.get("from port zero"), ports.get("after")]).toStrictEqual([
      client.port,
      0,
      client.port,
    ]);
  });

  test("sends what a handler queued before it closes, and receives nothing after it", async () => {
    const server = await Server.open(backend, (socket, { bytes, from }) => {
      socket.send(bytes, from);
      void socket.close();
    });
    const client = await Client.open("127.0.0.1");
    for (const text of ["first", "second", "third"]) client.send(text, server.port);
    await client.hears(1);
    // Another socket gets the port, and none of its datagrams.
    const next = await Server.open(backend, echo, "127.0.0.1", 4, server.port);
    client.send("fourth", next.port);
    await client.hears(2);
    expect([client.texts, server.received.length]).toStrictEqual([["first", "fourth"], 1]);
  });

  test("that cannot be opened throws the system's error", async () => {
    const { port } = await Server.open(backend, echo);
    const codeOf = (address: string, wanted: number): unknown => {
      try {
        return backend.open({ address, port: wanted, family: 4 }, { onDatagram: () => {}, onError: () => {} });
      } catch (error) {
        return (error as NodeJS.ErrnoException).code;
      }
    };
    expect([codeOf("127.0.0.1", port), codeOf("203.0.113.1", port)]).toStrictEqual(["EADDRINUSE", "EADDRNOTAVAIL"]);
  });

  test("leaves turns of the event loop to others while more arrives than fits into one", async () => {
    const [server, other] = [await Server.open(backend, () => {}), await Server.open(backend, () => {})];
    server.socket.setReceiveBuffer(8 * 1_048_576);
    const client = await Client.open("127.0.0.1");
    const count = 3 * UDP_TURN_MAX;
    const payload = Buffer.from("x");
    // Sent at once, before anything is received.
    for (let at = 0; at < count; at++) client.socket.send(payload, server.port, "127.0.0.1");
    client.send("other", other.port);
    let most = 0;
    for (let before = 0; server.received.length < count || other.received.length < 1;) {
      await nextTurn();
      most = Math.max(most, server.received.length - before);
      before = server.received.length;
    }
    expect(most).toBeLessThanOrEqual(UDP_TURN_MAX + UDP_BATCH_MAX);
  });
});

describe.skipIf(process.platform !== "linux")("a batched socket whose system call", () => {
  const withFaults = async (faults: (real: Libc) => Partial<Libc>): Promise<UdpBackend> => {
    const real = await loadLibc();
    return openBatchedUdp({ ...real, ...faults(real) });
  };
  const texts = Array.from({ length: 10 }, (_, at) => String(at));

  test("sends only a part sends the rest", async () => {
    const calls: number[] = [];
    const backend = await withFaults((real) => ({
      sendmmsg: (fd, at, count, flags) => {
        calls.push(count);
        return real.sendmmsg(fd, at, Math.min(count, 3), flags);
      },
    }));
    const server = await Server.open(backend, echo);
    const client = await Client.open("127.0.0.1");
    for (const text of texts) client.send(text, server.port);
    await client.hears(texts.length);
    expect([client.texts, calls.some((count) => count > 3)]).toStrictEqual([texts, true]);
  });

  test.each(["EAGAIN", "EINTR"])("fails with %s sends all in order", async (error) => {
    let fails = 0;
    const backend = await withFaults((real) => ({
      sendmmsg: (fd, at, count, flags) => (fails++ % 2 === 0 ? -1 : real.sendmmsg(fd, at, count, flags)),
      errorName: () => error,
    }));
    const server = await Server.open(backend, echo);
    const client = await Client.open("127.0.0.1");
    for (const text of texts) client.send(text, server.port);
    await client.hears(texts.length);
    expect([client.texts, server.errors]).toStrictEqual([texts, []]);
  });
});

class Server {
  readonly received: Received[] = [];
  readonly errors: string[] = [];
  readonly socket: UdpSocket;
  readonly port: number;

  private constructor(backend: UdpBackend, handle: Handle, address: string, family: 4 | 6, port: number) {
    this.port = port;
    this.socket = backend.open(
      { address, port, family },
      {
        onDatagram: (bytes, from) => {
          const received = { text: Buffer.from(bytes).toString(), bytes, from };
          this.received.push(received);
          handle(this.socket, received);
        },
        onError: (kind) => void this.errors.push(kind),
      },
    );
    open.push({ close: () => this.socket.close().catch(() => {}) });
  }

  static async open(
    backend: UdpBackend,
    handle: Handle,
    address = "127.0.0.1",
    family: 4 | 6 = 4,
    port?: number,
  ): Promise<Server> {
    return new Server(backend, handle, address, family, port ?? (await freePort("udp")));
  }

  async receives(count: number): Promise<void> {
    await eventually(
      async () => this.received.length,
      (received) => received >= count,
    );
  }
}

class Client {
  readonly socket: Socket;
  readonly texts: string[] = [];
  readonly #address: string;

  private constructor(socket: Socket, address: string) {
    this.socket = socket;
    this.#address = address;
    socket.on("message", (bytes) => this.texts.push(bytes.toString()));
    open.push(socket);
  }

  static async open(address: string): Promise<Client> {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.bind(0, address);
    await once(socket, "listening");
    return new Client(socket, address);
  }

  get port(): number {
    return this.socket.address().port;
  }

  send(text: string, port: number): void {
    this.socket.send(text, port, this.#address);
  }

  async hears(count: number): Promise<void> {
    await eventually(
      async () => this.texts.length,
      (heard) => heard >= count,
    );
  }
}
