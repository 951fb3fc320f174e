/** Two members behind closed routers, with a real hub and a real sidecar, connect by relay over UDP or WebSocket. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { ConnectionView, RelayView } from "#shared/connect/schema.ts";
import type { Joined } from "#shared/api/lobbies.ts";
import { NATIVE_REQUEST_BYTES_MIN } from "#shared/limits.ts";
import { freePort } from "../../tools/run/ports.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

let stack: TestStack;
let tunnel: number;
const closing: (() => void)[] = [];

beforeAll(async () => {
  tunnel = await freePort("tcp");
  stack = await TestStack.open({
    settings: {
      PARLEY_PORTS: "PORT=native",
      PARLEY_ADDRESSES: "127.0.0.1",
      PARLEY_TUNNEL: String(tunnel),
      PARLEY_RELAY_PORTS: "29300-29319",
    },
  });
});
afterAll(async () => {
  for (const close of closing.splice(0)) close();
  await stack?.close();
});

test("a peer over UDP and a peer over a WebSocket exchange datagrams, even while the hub is down", async () => {
  const [mine, theirs] = await relayed();
  expect([mine.address, mine.tunnel]).toStrictEqual(["127.0.0.1", `ws://127.0.0.1:${tunnel}/`]);
  expect(mine.port).not.toBe(theirs.port);
  const a = await overUdp(mine);
  const b = await overTunnel(theirs);
  for (const word of ["hello", "hub is dead"]) {
    if (word !== "hello") await stack.killHub();
    a.say(`${word} from a`);
    b.say(`${word} from b`);
    await eventually(
      async () => [...a.heard, ...b.heard],
      (all) => all.includes(`${word} from a`) && all.includes(`${word} from b`),
    );
  }
  await stack.startHub();
  await stack.waitUntilLinked();
});

test("a relay ticket is valid for one end of one relay only", async () => {
  const [mine, theirs] = await relayed();
  const [third] = await relayed();
  for (const ticket of [theirs.ticket, third.ticket]) {
    const stranger = await speaker(mine.port);
    stranger.say(`enter ${ticket} - w`.padEnd(NATIVE_REQUEST_BYTES_MIN));
    const owner = await overUdp(mine);
    expect([stranger.heard, owner.heard.at(-1)]).toStrictEqual([[], "entered w"]);
  }
});

// ---------------------------------------------------------------------------------------------------------------

/** Both ends of a relay, as the hub returns them to the two members. */
async function relayed(): Promise<[RelayView, RelayView]> {
  const [ann, bob] = [await newPeer(), await newPeer()];
  const { lobby } = await ask<Joined>("lobbies", ann.peer_token, { name: "Nice", seats: 4 });
  await ask(`lobbies/${lobby.id}/members`, bob.peer_token, {});
  await ask(`lobbies/${lobby.id}/heartbeat`, bob.peer_token, {});
  // No sidecar has observed them, so the hub assumes that their routers block UDP.
  const reach = { looks: [], local_endpoints: [], now_ms: 0, rtt_ms: 10 };
  const made = await ask<ConnectionView>(`lobbies/${lobby.id}/connections`, ann.peer_token, {
    peer_id: bob.peer_id,
    reach,
  });
  const path = `connections/${made.connection_id}`;
  await ask(`${path}/accept`, bob.peer_token, { reach });
  const ends = [ann, bob].map(({ peer_token }) =>
    eventually(
      () => ask<ConnectionView>(path, peer_token),
      (view) => view.relay !== undefined || view.failure !== undefined,
    ),
  );
  const [mine, theirs] = await Promise.all(ends);
  return [mine!.relay!.relay, theirs!.relay!.relay];
}

type Identity = { readonly peer_id: string; readonly peer_token: string };
const newPeer = async (): Promise<Identity> =>
  (await (await fetch(`${stack.url}/v1/games/default/peers`, { method: "POST" })).json()) as Identity;

async function ask<T>(path: string, token: string, body?: object): Promise<T> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const init = body === undefined ? { headers } : { headers, method: "POST", body: JSON.stringify(body) };
  const response = await fetch(`${stack.url}/v1/games/default/${path}`, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (response.status === 204 ? null : await response.json()) as T;
}

type Speaker = { readonly heard: string[]; say(text: string): void };

async function speaker(port: number): Promise<Speaker> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  closing.push(() => socket.close());
  const heard: string[] = [];
  socket.on("message", (bytes) => heard.push(bytes.toString()));
  return { heard, say: (text) => socket.send(text, port, "127.0.0.1") };
}

async function overUdp({ port, ticket }: RelayView): Promise<Speaker> {
  const end = await speaker(port);
  const enter = (receipt: string): void => end.say(`enter ${ticket} ${receipt} w`.padEnd(NATIVE_REQUEST_BYTES_MIN));
  enter("-");
  const [answer] = await eventually(
    async () => end.heard,
    ({ length }) => length > 0,
  );
  enter(answer!.split(" ")[2]!);
  await eventually(
    async () => end.heard,
    (all) => all.includes("entered w"),
  );
  return end;
}

async function overTunnel({ tunnel: url, ticket }: RelayView): Promise<Speaker> {
  const socket = new WebSocket(url!);
  closing.push(() => socket.terminate());
  await once(socket, "open");
  socket.send(`enter ${ticket} -`);
  const heard: string[] = [];
  socket.on("message", (data) => heard.push((data as Buffer).toString()));
  await eventually(
    async () => heard,
    (all) => all.includes("entered"),
  );
  return { heard, say: (text) => socket.send(Buffer.from(text)) };
}
