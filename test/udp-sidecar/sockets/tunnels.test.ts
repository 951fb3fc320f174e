/** Relays of native peers on real sockets: each end uses UDP or a WebSocket. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { Allocated, FromRelay } from "#shared/link/relay-messages.ts";
import { NATIVE_REQUEST_BYTES_MIN, TUNNELS_PER_SOURCE_MAX } from "#shared/limits.ts";
import { parseConfig } from "../../../udp-sidecar/config/config.ts";
import { RelayService } from "../../../udp-sidecar/relay-service.ts";
import { UDP_BACKENDS } from "../support/udp-backends.ts";
import { createRelayPorts, type RelayPorts } from "../../../udp-sidecar/sockets/relay-ports.ts";
import { INVALID_TICKET } from "../../../udp-sidecar/sockets/tunnels.ts";
import { Counters } from "../../../udp-sidecar/core/counters.ts";
import { Clock } from "../../../udp-sidecar/time/clock.ts";
import { freePort } from "../../../tools/run/ports.ts";
import { eventually } from "../../support/test-stack.ts";
import { signTicket, createVerifier } from "../../support/tickets.ts";

const RELAY = `0-${"c".repeat(26)}`;
const [alice, bob] = ["a", "b"].map((letter) => letter.repeat(26)) as [string, string];

const clock = new Clock();
let counters: Counters;
let relay: RelayPorts;
let service: RelayService;
let port: number;
let ends: Allocated["ends"];
const faults: unknown[] = [];
const closing: (() => void)[] = [];

beforeEach(async () => open());
afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await relay.stop(0);
  await service.close();
  expect(faults.splice(0)).toStrictEqual([]);
});

describe("two ends of a relay carry datagrams", () => {
  test("over UDP, after each has shown its ticket", async () => {
    const [a, b] = [await Udp.open(0), await Udp.open(1)];
    await exchange(a, b);
  });

  test("with a WebSocket at one end, or at both", async () => {
    const [a, b] = [await Udp.open(0), await Tunnel.open(bob)];
    await exchange(a, b);
    const c = await Tunnel.open(alice);
    await exchange(c, b);
    expect(service.tunnels).toBe(2);
  });

  test("and a peer that returns to UDP is accepted again, and its request is not forwarded", async () => {
    const [tunnel, b] = [await Tunnel.open(alice), await Udp.open(1)];
    await exchange(tunnel, b);
    const a = await Udp.open(0);
    await exchange(a, b);
    expect(b.received.filter((text) => text.includes("relay."))).toStrictEqual([]);
  });

  test("of every length, from none to the longest", async () => {
    const [a, b] = [await Tunnel.open(alice), await Udp.open(1)];
    for (const text of ["", "x".repeat(65_507)]) {
      a.say(text);
      await b.receives(text);
    }
  });
});

describe("a WebSocket", () => {
  test("with another peer's ticket, with none, or with datagrams first is closed or ignored", async () => {
    const b = await Udp.open(1);
    for (const first of [`enter ${ticketOf("c".repeat(26))} -`, "enter", "hello", ""]) {
      const socket = await connected();
      socket.send(first);
      const [code] = (await once(socket, "close")) as [number];
      expect([first.slice(0, 8), code]).toStrictEqual([first.slice(0, 8), INVALID_TICKET]);
    }
    const early = await connected();
    early.send(Buffer.from("let me in"));
    await eventually(
      async () => counters.get("relay_dropped", "unproved"),
      (times) => times > 0,
    );
    expect(b.received).not.toContain("let me in");
  });

  test("that breaks or sends invalid frames affects only itself", async () => {
    const [a, b] = [await Tunnel.open(alice), await Udp.open(1)];
    await exchange(a, b);
    (await Tunnel.open(alice)).socket.terminate();
    const raw = connect(port, "127.0.0.1");
    raw.on("error", () => {});
    raw.end("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\xff\xff\xff");
    const masked = await connected();
    const socket = (masked as unknown as { _socket: { write(bytes: Buffer): void } })._socket;
    socket.write(Buffer.from("ff".repeat(64), "hex"));
    await once(masked, "close");
    const again = await Tunnel.open(alice);
    await exchange(again, b);
  });

  test("beyond the limit of one source are refused, and others are not", async () => {
    const sockets = await Promise.all(Array.from({ length: TUNNELS_PER_SOURCE_MAX }, connected));
    const refused = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(refused, "error");
    expect(counters.get("tunnels", "refused")).toBe(1);
    const elsewhere = new WebSocket(`ws://127.0.0.1:${port}/`, { localAddress: "127.0.0.2" });
    closing.push(() => elsewhere.terminate());
    await once(elsewhere, "open");
    sockets[0]!.terminate();
    await eventually(
      async () => service.tunnels,
      (open) => open <= TUNNELS_PER_SOURCE_MAX,
    );
    await connected();
  });

  test("behind a proxy has the last address that the proxy names", async () => {
    await relay.stop(0);
    await service.close();
    await open({ PARLEY_TUNNEL_SOURCE_HEADER: "X-Forwarded-For" });
    for (let at = 0; at <= TUNNELS_PER_SOURCE_MAX; at++) {
      const headers = { "x-forwarded-for": `192.0.2.1, 198.51.100.${at}` };
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers });
      closing.push(() => socket.terminate());
      await once(socket, "open");
    }
    expect(counters.get("tunnels", "refused")).toBe(0);
    const quoted = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { "x-forwarded-for": '"[2001:db8::9]:443"' } });
    closing.push(() => quoted.terminate());
    await once(quoted, "open");
    const nameless = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { "x-forwarded-for": "unknown" } });
    await once(nameless, "error");
    expect(counters.get("tunnels", "no_source")).toBe(1);
  });

  test("is advertised by its URL, and answers plain HTTP with the expected protocol", async () => {
    expect(service.advertised).toStrictEqual({ tunnel: `ws://127.0.0.1:${port}/` });
    const response = await fetch(`http://127.0.0.1:${port}/`);
    expect([response.status, response.headers.get("upgrade")]).toStrictEqual([426, "websocket"]);
  });
});

// ---------------------------------------------------------------------------------------------------------------

async function open(more: Record<string, string> = {}): Promise<void> {
  port = await freePort("tcp");
  const settings = {
    PARLEY_KEY: "key",
    PARLEY_LISTEN: "127.0.0.1",
    PARLEY_ADDRESSES: "127.0.0.1",
    PARLEY_RELAY_PEERS: "any",
    PARLEY_RELAY_SIDE_RATE: "1000000/1000000",
    PARLEY_RELAY_PORTS: "29200-29219",
    PARLEY_TUNNEL: String(port),
    ...more,
  };
  const parsed = parseConfig([], settings);
  if ("problems" in parsed) throw new Error(parsed.problems.join());
  counters = new Counters();
  relay = createRelayPorts(parsed.config, counters, clock, UDP_BACKENDS[0]!)!;
  service = new RelayService(relay, parsed.config, counters, clock);
  service.addGame("arena", createVerifier());
  await service.openTunnels((error) => faults.push(error));
  const messages: FromRelay[] = [];
  const sides = [{ peer: alice }, { peer: bob }] as const;
  service.handleMessage("arena", { t: "allocate", relay: RELAY, sides }, (answer) => messages.push(answer));
  ends = (messages[0] as Allocated).ends;
}

const ticketOf = (peer: string): string =>
  signTicket({ purpose: "relay", peer, lobby: RELAY, expires_at_s: Math.floor(Date.now() / 1_000) + 600 });

async function connected(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  closing.push(() => socket.terminate());
  socket.on("error", () => {});
  await once(socket, "open");
  return socket;
}

type End = Udp | Tunnel;

async function exchange(a: End, b: End): Promise<void> {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const word = `word ${++words}`;
    from.say(word);
    await to.receives(word);
  }
}
let words = 0;

/** A peer that repeats lost datagrams. */
abstract class RelayEnd {
  readonly received: string[] = [];
  abstract say(text: string): void;
  async receives(text: string): Promise<void> {
    await eventually(async () => this.received.includes(text), Boolean);
  }
}

class Udp extends RelayEnd {
  readonly #socket: Socket;
  readonly #end: number;

  private constructor(socket: Socket, end: number) {
    super();
    this.#socket = socket;
    this.#end = end;
    socket.on("message", (bytes) => this.received.push(bytes.toString("latin1")));
  }

  /** Enters with the receipt that it gets after a request without one. */
  static async open(end: 0 | 1): Promise<Udp> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    closing.push(() => socket.close());
    const udp = new Udp(socket, end);
    const ticket = ticketOf(end === 0 ? alice : bob);
    const asks = (receipt: string): void => udp.say(`enter ${ticket} ${receipt} w`.padEnd(NATIVE_REQUEST_BYTES_MIN));
    asks("-");
    await eventually(
      async () => udp.received.length,
      (count) => count > 0,
    );
    asks(udp.received[0]!.split(" ")[2]!);
    await udp.receives("entered w");
    return udp;
  }

  say(text: string): void {
    this.#socket.send(Buffer.from(text, "latin1"), ends[this.#end as 0 | 1].port, "127.0.0.1");
  }
}

class Tunnel extends RelayEnd {
  readonly socket: WebSocket;

  private constructor(socket: WebSocket) {
    super();
    this.socket = socket;
    socket.on("message", (data, isBinary) => {
      if (isBinary) this.received.push((data as Buffer).toString("latin1"));
    });
  }

  static async open(peer: string): Promise<Tunnel> {
    const socket = await connected();
    const tunnel = new Tunnel(socket);
    socket.send(`enter ${ticketOf(peer)} - w`);
    const [answer, isBinary] = (await once(socket, "message")) as [Buffer, boolean];
    expect([answer.toString(), isBinary]).toStrictEqual(["entered w", false]);
    return tunnel;
  }

  say(text: string): void {
    this.socket.send(Buffer.from(text, "latin1"));
  }
}
