/** The default ports of `npm start`, of which a machine has one set: test files that use them take turns. */
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** The process that listens here has the turn. Its end gives the turn back. */
const TURN_PORT = 13_099;

/** Waits for the turn. Returns what ends it. */
export async function takeDefaultPorts(): Promise<() => void> {
  for (;;) {
    const turn = createServer();
    turn.listen(TURN_PORT, "127.0.0.1");
    // `once` rejects with the error of a taken port.
    const isMine = await once(turn, "listening").then(
      () => true,
      () => false,
    );
    if (isMine) return () => void turn.close();
    await sleep(100);
  }
}
