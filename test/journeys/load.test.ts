/** The cost of many members and the effect of attacks, on real sockets with a real hub. Counted, never timed. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { setTimeout as passes } from "node:timers/promises";
import type { RabidPlayer } from "../../tools/run/rabid-player.ts";
import { canSendFromPortZero, sendFromPortZero } from "../support/port-zero.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

const RENEWED = 'parley_datagrams_total{outcome="renewed"}';

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.open();
});
afterAll(() => stack?.close());

test("400 members that ping once a second for 20 s cause no hub message beyond their joins", async () => {
  const lobbies = Array.from({ length: 50 }, (_, at) => `Crowd${at}`);
  const crowd: { player: RabidPlayer; session: string; name: string }[] = [];
  for (const session of lobbies) {
    for (let seat = 0; seat < 8; seat++) {
      const player = await stack.player();
      const name = `P${seat}`;
      await player.request(seat === 0 ? `h:${session}:${name}:8` : `c:${session}:${name}`, /^i:/);
      player.startPinging(session, name, 1_000);
      crowd.push({ player, session, name });
    }
  }
  expect(crowd).toHaveLength(400);
  const { sent, received } = await settled();
  const renewed = await stack.metric(RENEWED);
  // The test expects an absence over a period, so the period must pass and the pings must be received.
  await passes(20_000);
  await eventually(
    () => stack.metric(RENEWED),
    (count) => count > renewed + 400 * 15,
  );
  expect(await exchanged()).toEqual({ sent, received });
  expect(await stack.metric("parley_contacts")).toBe(400);
  await Promise.all(crowd.map(({ player }) => player.close()));
});

test("20,000 random, huge and empty datagrams leave all members registered", async () => {
  const alice = await stack.player();
  const attacker = await stack.player();
  await alice.request("h:Alive:Alice:4", /^i:/);
  alice.startPinging("Alive", "Alice");
  for (let sent = 0; sent < 20_000; sent += 100) {
    const before = await datagrams();
    for (let one = 0; one < 98; one++) attacker.send(randomBytes(1 + ((sent + one) % 60)));
    attacker.send(randomBytes(65_507));
    attacker.send("");
    // Waits for the sidecar, so that the kernel's buffer drops nothing.
    await eventually(datagrams, (count) => count >= before + 90);
  }
  expect(await alice.request("p:Alive:Alice", /./)).toBe("i:Alice");
  // The only answer that a random datagram may get is a refusal.
  expect(new Set(attacker.received)).toEqual(new Set(["error:invalid_request"]));
  expect((await stack.lobbies()).find((lobby) => lobby.name === "Alive")?.member_count).toBe(1);
});

test.skipIf(!canSendFromPortZero)("a datagram from source port 0 is dropped without an answer", async () => {
  const dropped = 'parley_dropped_total{reason="source_port_0"}';
  sendFromPortZero(stack.udpPort(), "h:Zero:Zero:4");
  await eventually(
    () => stack.metric(dropped),
    (count) => count === 1,
  );
  const alice = await stack.player();
  expect(await alice.request("h:After:Alice:4", /./)).toBe("i:Alice");
});

async function exchanged(): Promise<{ sent: number; received: number }> {
  const count = (direction: string): Promise<number> =>
    stack.metric(`parley_link_messages_total{direction="${direction}"}`);
  return { sent: await count("sent"), received: await count("received") };
}

/** Resolves with the value once it stays the same, when the messages of the joins have been sent. */
async function settled(): Promise<{ sent: number; received: number }> {
  let before = await exchanged();
  return eventually(
    async () => {
      await passes(500);
      return exchanged();
    },
    (now) => {
      const same = now.sent === before.sent && now.received === before.received;
      before = now;
      return same;
    },
  );
}

async function datagrams(): Promise<number> {
  const outcomes = ["answered", "renewed", "reported", "dropped"];
  const counts = await Promise.all(outcomes.map((name) => stack.metric(`parley_datagrams_total{outcome="${name}"}`)));
  return counts.reduce((sum, count) => sum + count, 0);
}
