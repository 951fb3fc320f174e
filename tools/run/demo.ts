/** Two bots that meet: one hosts, one joins, they start, greet each other directly, and begin again. */
import { setTimeout as sleep } from "node:timers/promises";
import { RabidPlayer } from "./rabid-player.ts";

/** How long each state stays, so that a person can watch it on the page. */
const SHOW_MS = 4_000;

export async function playDemo(server: number, until: AbortSignal): Promise<void> {
  for (let round = 1; !until.aborted; round++) {
    await meet(server, `Demo${round % 1_000}`, until).catch((error: unknown) => {
      if (!until.aborted) process.stderr.write(`demo: ${String(error)}\n`);
    });
    await sleep(SHOW_MS, undefined, { signal: until }).catch(() => {});
  }
}

async function meet(server: number, session: string, until: AbortSignal): Promise<void> {
  const alice = await RabidPlayer.open(server);
  const bob = await RabidPlayer.open(server);
  try {
    await alice.ask(`h:${session}:Alice:4`, /^i:/);
    alice.keepPinging(session, "Alice");
    await sleep(SHOW_MS, undefined, { signal: until });
    await bob.ask(`c:${session}:Bob`, /^i:/);
    bob.keepPinging(session, "Bob");
    await sleep(SHOW_MS, undefined, { signal: until });
    alice.say(`s:${session}:Alice`);
    const told = await bob.hears(/^s:/);
    const [, address = "", port = ""] = /:Alice:([0-9.]+):([0-9]+)/.exec(told) ?? [];
    await alice.hears(/^s:/);
    for (const [player, name] of [
      [alice, "Alice"],
      [bob, "Bob"],
    ] as const) {
      player.stopPinging();
      player.say(`y:${session}:${name}`);
    }
    bob.greet("g:Bob", address, Number(port));
    await alice.hears("g:Bob");
    process.stderr.write(`demo: Alice and Bob met in ${session}\n`);
  } finally {
    await Promise.all([alice.close(), bob.close()]);
  }
}
