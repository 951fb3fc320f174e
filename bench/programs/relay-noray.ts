/**
 * A reimplementation of noray 1.4's relay, as the baseline of the relay benchmark.
 *
 * Like noray it binds every port at the start, finds relays by linear search, runs four limit listeners and updates two
 * histograms for each datagram. Its limits are too high to be reached.
 */
import { createSocket, type Socket } from "node:dgram";
import { EventEmitter } from "node:events";
import { Histogram, Registry } from "prom-client";
import type { Endpoint } from "#shared/net/endpoint.ts";

/** As many ports as noray's default, below those that the system gives to the players' sockets. */
const [FIRST, LAST] = [20_000, 22_048];
const INTERVAL_S = 0.1;

type Relay = Endpoint & {
  readonly id: number;
  readonly own: number;
  readonly created: number;
  sent: number;
  received: number;
};

const registers = [new Registry()];
const duration = new Histogram({ name: "noray_relay_duration", help: "Time it takes to relay a packet", registers });
const size = new Histogram({ name: "noray_relay_size", help: "Size of the packet being relayed", registers });
const emitter = new EventEmitter();
const table: Relay[] = [];
const sockets = new Map<number, Socket>();
const free: number[] = [];
const time = (): number => Date.now() / 1_000;

function limiter(): (bytes: number) => void {
  let [since, traffic] = [0, 0];
  return (bytes) => {
    if (time() > since + INTERVAL_S) [since, traffic] = [time(), 0];
    traffic += bytes;
  };
}

const limiters = new Map<number, (bytes: number) => void>();
const traffic = new Map<number, number>();
const everything = limiter();
emitter.on("transmit", (from: Relay, _to: Relay, message: Buffer) => {
  if (!limiters.has(from.id)) limiters.set(from.id, limiter());
  limiters.get(from.id)!(message.length);
});
emitter.on("transmit", (_from: Relay, _to: Relay, message: Buffer) => everything(message.length));
emitter.on("transmit", (from: Relay) => {
  if (time() - from.created > 14_400) throw new Error("Relay has hit lifetime duration limit!");
});
emitter.on("transmit", (from: Relay, _to: Relay, message: Buffer) => {
  traffic.set(from.id, (traffic.get(from.id) ?? 0) + message.byteLength);
});

function forward(message: Buffer, sender: Endpoint, target: number): void {
  const measured = duration.startTimer();
  const from = table.find((one) => one.port === sender.port && one.address === sender.address);
  const to = table.find((one) => one.own === target);
  if (from === undefined || to === undefined) return;
  emitter.emit("transmit", from, to, message);
  sockets.get(from.own)!.send(message, to.port, to.address);
  from.received = time();
  to.sent = time();
  size.observe(message.byteLength);
  measured();
}

function relay(at: Endpoint): number {
  const own = free.pop()!;
  sockets.get(own)!.on("message", (message, { address, port }) => forward(message, { address, port }, own));
  table.push({ ...at, id: own, own, created: time(), sent: 0, received: time() });
  return own;
}

process.on("message", ([one, other]: [Endpoint, Endpoint]) => {
  const began = performance.now();
  // Each peer gets the other one's port.
  const ports = [relay(one), relay(other)].toReversed();
  process.send!({ ports, took_ms: performance.now() - began });
});

const began = performance.now();
for (let port = FIRST; port <= LAST; port++) {
  const socket = createSocket("udp4");
  await new Promise<void>((done) => socket.bind(port, done));
  sockets.set(port, socket);
  free.push(port);
}
process.send!({ opened_ms: performance.now() - began });
