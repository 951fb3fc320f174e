/**
 * Time that misbehaves, with a real hub and a real sidecar: the process is suspended (SIGSTOP), and the wall clock steps
 * (libfaketime). Players who keep sending keep their seats, and silent players lose them in time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NATIVE_REQUEST_BYTES_MIN } from "#shared/limits.ts";
import { freePort } from "../../tools/run/ports.ts";
import { RabidPlayer } from "../../tools/run/rabid-player.ts";
import { FakeClock, hasFakeClock } from "../support/fake-clock.ts";
import { EveryWire } from "../support/every-wire.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

/** Longer than the lease of every wire, and than a relay's idle time. */
const SUSPENDED_MS = 30_000;

let clock: FakeClock;
let stack: TestStack;
let nativePort: number;

beforeAll(async () => {
  clock = await FakeClock.open();
  nativePort = await freePort("udp");
  const settings = { PARLEY_PORTS: `PORT=rabid,${nativePort}=native`, ...(hasFakeClock && clock.env) };
  stack = await TestStack.open({ settings });
});
afterAll(async () => {
  await stack?.close();
  await clock?.close();
});

test.concurrent.each([
  ["sidecar", "25000-25019"],
  ["hub", "25020-25039"],
] as const)("a %s suspended for 30 s drops no member of any wire that went on sending", async (half, relayPorts) => {
  const wires = await EveryWire.open(relayPorts);
  const { stack } = wires;
  try {
    const before = await eventually(
      () => wires.lobbies(),
      ({ length }) => length === 41,
    );
    await wires.exchangeByRelay();
    const signal = (name: NodeJS.Signals): void => (half === "hub" ? stack.signalHub(name) : stack.signalSidecar(name));
    signal("SIGSTOP");
    await Promise.all([sleep(SUSPENDED_MS), half === "hub" && expectNoAnswer(`${stack.url}/healthz`)]);
    signal("SIGCONT");
    // The silent host has the longest lease, so every other one could be over by then.
    const isSilent = (lobby: string): boolean => lobby.startsWith("Silent ");
    const after = await eventually(
      () => wires.lobbies(),
      (lobbies) => !lobbies.some(isSilent),
    );
    expect(after).toStrictEqual(before.filter((lobby) => !isSilent(lobby)));
    expect(wires.rabid.flatMap(({ received }) => errorsOf(received))).toStrictEqual([]);
    await wires.exchangeByRelay();
    await wires.meetNorayHosts();
    expect(await stack.metrics()).not.toMatch(/^parley_relay_ended_total.* [1-9]/m);
    if (half === "sidecar") expect(await stack.metric("parley_stalled_seconds_total")).toBeGreaterThan(29);
  } finally {
    await wires.close();
  }
});

describe.skipIf(!hasFakeClock)("a sidecar whose wall clock steps", () => {
  test.each([10, 90, 3_600, -90, -3_600])("by %d s drops only the silent member, in time", async (seconds) => {
    const name = `Step${seconds}`.replace("-", "m");
    const players = await lobbyOf(name, 3);
    const silent = players.pop()!;
    silent.stopPinging();
    await clock.step(seconds);
    expect(await silent.waitFor(/^error/, { timeout_ms: 20_000 })).toBe("error:player_timeout");
    for (const player of players) {
      expect(errorsOf(player.received)).toStrictEqual([]);
      const from = player.received.length;
      await player.waitFor(/^i:/, { from });
    }
    for (const player of [...players, silent]) await player.close();
    await clock.step(0);
  });
});

describe.skipIf(!hasFakeClock)("native peers of a sidecar whose clock is wrong", () => {
  test.each([90, 3_600, -90, -3_600])("by %d s since before its start get each other's endpoints", async (seconds) => {
    await stack.drainSidecar();
    await clock.step(seconds);
    await stack.restartSidecar();
    await eventually(
      () => stack.metric("parley_clock_skew_seconds"),
      (skew_s) => Math.abs(skew_s - seconds) < 5,
    );
    expect(await requestConnection()).toMatchObject({ state: "waiting" });
    await clock.step(0);
  });

  test("by 90 s since a moment ago get each other's endpoints, and the operator sees the step", async () => {
    await clock.step(90);
    expect(await requestConnection()).toMatchObject({ state: "waiting" });
    expect(await stack.metric("parley_clock_skew_seconds")).toBeGreaterThan(85);
    await clock.step(0);
  });
});

/** For almost as long as the suspension lasts. */
async function expectNoAnswer(url: string): Promise<void> {
  await expect(fetch(url, { signal: AbortSignal.timeout(SUSPENDED_MS - 2_000) })).rejects.toThrow(/timeout/);
}

/** A connection request between two new peers, with a reach that the sidecar has observed. */
async function requestConnection(): Promise<unknown> {
  const [ann, bob] = [await newPeer(), await newPeer()];
  const { lobby } = (await api("lobbies", ann.peer_token, { name: "Far", seats: 2 })) as { lobby: { id: string } };
  await api(`lobbies/${lobby.id}/members`, bob.peer_token, {});
  const player = await RabidPlayer.open(nativePort);
  try {
    const seen = await player.request(`see ${ann.udp_token}`.padEnd(NATIVE_REQUEST_BYTES_MIN), /^seen /);
    const look = { socket: 0, local_port: player.port, via: { address: "127.0.0.1", port: nativePort }, at_ms: 0 };
    const reach = { looks: [{ ...look, receipt: seen.split(" ")[2] }], local_endpoints: [], now_ms: 1, rtt_ms: 2 };
    return await api(`lobbies/${lobby.id}/connections`, ann.peer_token, { peer_id: bob.peer_id, reach });
  } finally {
    await player.close();
  }
}

type Identity = { readonly peer_id: string; readonly peer_token: string; readonly udp_token: string };
const newPeer = async (): Promise<Identity> => (await api("peers", "", undefined)) as Identity;

async function api(path: string, token: string, body: unknown): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const init = {
    method: "POST",
    ...(token !== "" && { headers }),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  };
  return (await fetch(`${stack.url}/v1/games/default/${path}`, init)).json();
}

const errorsOf = (received: readonly string[]): string[] => received.filter((line) => line.startsWith("error"));

/** Pinging members of one lobby, its host first. */
async function lobbyOf(session: string, size: number): Promise<RabidPlayer[]> {
  const players: RabidPlayer[] = [];
  for (let at = 0; at < size; at++) {
    const player = await stack.player();
    await player.request(at === 0 ? `h:${session}:P0:8` : `c:${session}:P${at}`, /^i:/);
    player.startPinging(session, `P${at}`);
    players.push(player);
  }
  await eventually(
    () => stack.lobbies(),
    (lobbies) => lobbies.find(({ name }) => name === session)?.member_count === size,
  );
  return players;
}
