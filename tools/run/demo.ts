/** The demo of `npm start -- --demo`: two Rabid bots host, join, start and connect, in a loop. */
import { setTimeout as sleep } from "node:timers/promises";
import { RabidPlayer } from "./rabid-player.ts";

/** How long each state of the lobby stays visible on the page. */
const SHOW_MS = 4_000;

export async function runDemo(port: number, signal: AbortSignal): Promise<void> {
  for (let round = 1; !signal.aborted; round++) {
    await playRound(port, `Demo${round % 1_000}`, signal).catch((error: unknown) => {
      if (!signal.aborted) process.stderr.write(`demo: ${String(error)}\n`);
    });
    await sleep(SHOW_MS, undefined, { signal }).catch(() => {});
  }
}

async function playRound(port: number, session: string, signal: AbortSignal): Promise<void> {
  const alice = await RabidPlayer.open(port);
  const bob = await RabidPlayer.open(port);
  try {
    await alice.request(`h:${session}:Alice:4`, /^i:/);
    alice.startPinging(session, "Alice");
    await sleep(SHOW_MS, undefined, { signal });
    await bob.request(`c:${session}:Bob`, /^i:/);
    bob.startPinging(session, "Bob");
    await sleep(SHOW_MS, undefined, { signal });
    alice.send(`s:${session}:Alice`);
    const start = await bob.waitFor(/^s:/);
    const [, address = "", peerPort = ""] = /:Alice:([0-9.]+):([0-9]+)/.exec(start) ?? [];
    await alice.waitFor(/^s:/);
    for (const [player, name] of [
      [alice, "Alice"],
      [bob, "Bob"],
    ] as const) {
      player.stopPinging();
      player.send(`y:${session}:${name}`);
    }
    bob.sendTo("g:Bob", address, Number(peerPort));
    await alice.waitFor("g:Bob");
    process.stderr.write(`demo: Alice and Bob met in ${session}\n`);
  } finally {
    await Promise.all([alice.close(), bob.close()]);
  }
}
