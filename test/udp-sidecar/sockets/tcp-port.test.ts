/** The TCP port behind a proxy: real sockets, where 127.0.0.1 is the proxy and 127.0.0.2 is not. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TCP_PART_BYTES_MAX, TCP_TURN_BYTES_MAX } from "#shared/limits.ts";
import { Counters } from "../../../udp-sidecar/core/counters.ts";
import { TcpPort } from "../../../udp-sidecar/sockets/tcp-port.ts";
import { Clock } from "../../../udp-sidecar/time/clock.ts";
import { freePort } from "../../../tools/run/ports.ts";
import { eventually } from "../../support/test-stack.ts";

const HEADER = "PROXY TCP4 198.51.100.7 203.0.113.5 51334 8890\r\n";
const PROXY = "127.0.0.1";

let port: number;
let tcp: TcpPort;
let counters: Counters;
const sockets: Socket[] = [];
/** What each session received, after the address that it was opened for. */
let sessions: string[];
/** The bytes of each call of a session, and the turn of the event loop. */
let parts: { readonly bytes: number; readonly turn: number }[];
let turn: number;

beforeEach(async () => {
  port = await freePort("tcp");
  counters = new Counters();
  sessions = [];
  parts = [];
  turn = 0;
  tcp = await TcpPort.open({
    listen: ["127.0.0.1"],
    port,
    what: "test",
    proxies: [{ address: "127.0.0.0", bits: 31 }],
    unread_bytes_max: 65_536,
    counters,
    clock: new Clock(),
    onFault: (error) => expect.unreachable(String(error)),
    accept: ({ endpoint, send }) => {
      const at = sessions.push(`${endpoint.address}:`) - 1;
      send("hello\n");
      return {
        receive: (bytes) => {
          sessions[at] += Buffer.from(bytes).toString();
          parts.push({ bytes: bytes.length, turn });
        },
        endInput: () => (sessions[at] += "|"),
        close: () => {},
      };
    },
  });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await tcp.close();
});

test("a client behind a proxy has the address that the header names, and its bytes follow", async () => {
  const socket = await open(PROXY);
  socket.write(`${HEADER}register-host\n`);
  expect(String((await once(socket, "data"))[0])).toBe("hello\n");
  await received("198.51.100.7:register-host\n");
});

test("long inputs are handled in parts, in order, and leave turns of the event loop to others", async () => {
  const count = (): void => {
    turn++;
    if (turn > 0) setImmediate(count);
  };
  count();
  const inputs = ["1", "2", "3"].map((digit) => digit.repeat(300_000));
  for (const input of inputs) (await open("127.0.0.2")).end(input);
  await eventually(
    () => Promise.resolve(sessions.filter((text) => text.endsWith("|")).length),
    (ended) => ended === inputs.length,
  );
  expect(sessions.toSorted()).toStrictEqual(inputs.map((input) => `127.0.0.2:${input}|`));
  expect(Math.max(...parts.map(({ bytes }) => bytes))).toBeLessThanOrEqual(TCP_PART_BYTES_MAX);
  const byTurn = Map.groupBy(parts, (part) => part.turn);
  const sums = Array.from(byTurn.values(), (all) => all.reduce((sum, { bytes }) => sum + bytes, 0));
  // The turn's end and the count of this test are two callbacks, so two turns may be counted as one.
  expect(Math.max(...sums)).toBeLessThanOrEqual(2 * TCP_TURN_BYTES_MAX);
  turn = -Infinity;
});

test("a header may arrive in parts", async () => {
  const socket = await open(PROXY);
  for (const part of [HEADER.slice(0, 9), HEADER.slice(9, -1), `${HEADER.slice(-1)}one`, " two"]) {
    socket.write(part);
    await new Promise((sent) => setImmediate(sent));
  }
  await received("198.51.100.7:one two");
});

test("a connection that is no proxy's has its own address, and a header there is data", async () => {
  const socket = await open("127.0.0.2");
  socket.write(HEADER);
  await received(`127.0.0.2:${HEADER}`);
});

test("a proxy's connection without a header is closed and counted", async () => {
  const socket = await open(PROXY);
  socket.write("register-host\n");
  await once(socket, "close");
  expect([counters.get("connections", "no_source"), sessions]).toStrictEqual([1, []]);
});

test("a proxy's connection that ends in its header is closed, and an open one does not delay the stop", async () => {
  const socket = await open(PROXY);
  socket.end("PROXY ");
  await once(socket, "close");
  expect(counters.get("connections", "no_source")).toBe(1);
  const silent = await open(PROXY);
  const over = once(silent, "close");
  await tcp.close();
  await over;
});

async function open(from: string): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", localAddress: from });
  sockets.push(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

const received = (expected: string): Promise<unknown> =>
  eventually(
    () => Promise.resolve(sessions),
    (all) => all.length === 1 && all[0] === expected,
  );
