/** What an introduction and an idle member cost: datagrams, requests, WebSocket messages and relay ports, counted. */
import { Socket } from "node:dgram";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { ParleyClient } from "../../clients/typescript/src/node/client.ts";
import { freePort } from "../../tools/run/ports.ts";
import { TestStack } from "../support/test-stack.ts";

const POLL = { timeout: 40_000, interval: 50 };
const OUTCOME = "PUT /connections/ID/outcome";
/** Sent again over HTTP where a busy machine replies late. */
const LATE = "POST /lobbies/ID/connections";
const RELAY_PORTS = "29360-29379";

let stack: TestStack;
let ports: number[];
beforeAll(async () => {
  ports = [await freePort("udp"), await freePort("udp")];
  const settings = {
    PARLEY_PORTS: ports.map((port) => `${port}=native`).join(),
    PARLEY_ADDRESSES: "127.0.0.1",
    PARLEY_RELAY_PORTS: RELAY_PORTS,
  };
  stack = await TestStack.open({ settings });
});
afterAll(() => stack?.close());
afterEach(() => vi.restoreAllMocks());

/** Counts what this process sends to sidecars and to the hub. Pings are answered without waking the hub. */
class Counter {
  readonly #datagrams = vi.spyOn(Socket.prototype, "send");
  readonly #messages = vi.spyOn(WebSocket.prototype, "send");
  http: string[] = [];

  constructor() {
    subscribe("http.client.request.start", this.#onRequest);
  }

  reset(): void {
    this.#datagrams.mockClear();
    this.#messages.mockClear();
    this.http = [];
  }

  /** Requests with this first word: a repetition has the same socket and port. */
  requests(word: string): number {
    const { calls, contexts } = this.#datagrams.mock as unknown as {
      readonly calls: readonly (readonly [Uint8Array, number])[];
      readonly contexts: readonly Socket[];
    };
    const numbers = new Map(contexts.map((socket, at) => [socket, at]));
    const sent = calls.flatMap(([bytes, port], at) =>
      Buffer.from(bytes).toString("latin1").startsWith(`${word} `) ? [`${numbers.get(contexts[at]!)} ${port}`] : [],
    );
    return new Set(sent).size;
  }

  get messages(): string[] {
    const texts = this.#messages.mock.calls.map(([text]) => text as string).filter((text) => text !== "ping");
    return texts.map((text) => (JSON.parse(text) as { type: string }).type);
  }

  get outcomes(): number {
    return this.http.filter((request) => request === OUTCOME).length;
  }

  get reaches(): number {
    return this.messages.filter((type) => type === "reach").length;
  }

  end(): void {
    unsubscribe("http.client.request.start", this.#onRequest);
  }

  #onRequest = (message: unknown): void => {
    const { method, path } = (message as { request: ClientRequest }).request;
    this.http.push(`${method} ${path.replace("/v1/games/default", "").replaceAll(/0-[a-z0-9]+/g, "ID")}`);
  };
}

test("an introduction costs three messages and two requests, and an idle member nothing at the hub", async () => {
  const [a, b] = [await ParleyClient.open({ url: stack.url }), await ParleyClient.open({ url: stack.url })];
  const counter = new Counter();
  try {
    const host = await a.host({ name: "Cost", seats: 2 });
    const guest = await b.join({ id: host.lobby.id });
    // Both say where they can be reached.
    await expect.poll(() => counter.reaches, POLL).toBeGreaterThanOrEqual(2);
    // The hub handles the messages of a socket in order.
    await Promise.all([host.chat("ready"), guest.chat("ready")]);

    counter.reset();
    const peer = await guest.connect(a.id);
    await expect.poll(() => [peer.path, host.peers[0]?.path], POLL).toStrictEqual(["direct", "direct"]);
    await expect.poll(() => [counter.outcomes, counter.reaches], POLL).toStrictEqual([2, 2]);
    // One request, and then each says where its next socket is.
    expect(counter.messages.toSorted()).toStrictEqual(["connect", "reach", "reach"]);
    expect(counter.http.filter((request) => request !== LATE)).toStrictEqual(Array(2).fill(OUTCOME));
    // For the next socket of each: two ports of the sidecar, and three new sockets that show how ports are allocated.
    expect(counter.requests("see")).toBe(2 * (2 + 3));
    // Each may enter its relay once, if a busy machine answers later than a round trip.
    expect(counter.requests("enter")).toBeLessThanOrEqual(2);
    await expect.poll(() => stack.metric("parley_relay_ports_used"), POLL).toBe(0);

    // Twenty seconds later: a request to each port of the sidecar from each warm socket, and nothing to the hub.
    counter.reset();
    await expect.poll(() => counter.requests("see"), POLL).toBeGreaterThanOrEqual(2 * 2);
    expect([counter.requests("see"), counter.http, counter.messages]).toStrictEqual([2 * 2, [], []]);
  } finally {
    counter.end();
    await Promise.all([a.close(), b.close()]);
  }
});
