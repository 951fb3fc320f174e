/** Sends the inputs of a target to a deployment until its tables are warm, and then counts what as many more change. */
import { diceOf } from "../support/dice.ts";
import { Deployment } from "./deployment.ts";
import { type Figures, figuresOf } from "./figures.ts";
import { grown, isFlat, type Memory, settled } from "./memory.ts";
import { SENDERS } from "./senders.ts";
import type { Target } from "./targets.ts";

/** Inputs are sent in parts, of which this many are counted. The warm-up ends when four in a row did not add to a heap. */
const PARTS = 8;
const FLAT_PARTS = 4;
/** A leak never becomes flat: then the counted inputs begin, and show it. */
const WARM_PARTS_MAX = 3 * PARTS;

/** `udp`: how the sidecar receives datagrams. `log` gets a line after each part. */
export async function attack(
  target: Target,
  { seed, count, udp }: { readonly seed: number; readonly count: number; readonly udp: "auto" | "dgram" },
  log: (line: string) => void,
): Promise<Figures> {
  if (target.transport === null) throw new Error("this target has no deployment");
  const send = SENDERS[target.transport];
  const deployment = await Deployment.open(udp);
  try {
    const dice = diceOf(seed);
    const faults: string[] = [];
    const part = Math.ceil(count / PARTS);
    const sendPart = (): Promise<string> => send(deployment, () => target.generate(dice), part, dice, faults);
    const warm_up = await warmUp(deployment, sendPart, log);
    deployment.forgetDelays();
    const counted: Memory[] = [];
    const began = performance.now();
    let sent = "";
    for (let at = 0; at < PARTS; at++) {
      sent = await sendPart();
      // Its collection of garbage makes the end comparable with the warm-up's.
      counted.push(await deployment.memory());
    }
    log(`${count} inputs in ${((performance.now() - began) / 1_000).toFixed(0)} s: ${sent}`);
    const result = await deployment.result();
    log(`tables: ${await deployment.tables()}`);
    const [warm, end] = [warm_up, counted].map((all) => settled(all.slice(-FLAT_PARTS)));
    return figuresOf({ count, warm_up: part * warm_up.length, warm: warm!, end: end!, ...result }, faults);
  } finally {
    await deployment.close();
  }
}

/** Returns the memory after each part. */
async function warmUp(
  deployment: Deployment,
  sendPart: () => Promise<string>,
  log: (line: string) => void,
): Promise<Memory[]> {
  let before = await deployment.memory();
  const after: Memory[] = [];
  for (let flat = 0; flat < FLAT_PARTS && after.length < WARM_PARTS_MAX;) {
    const sent = await sendPart();
    const now = await deployment.memory();
    after.push(now);
    flat = isFlat(before, now) ? flat + 1 : 0;
    log(`warm-up ${after.length}: ${sent}; grown by ${grown(before, now)}; tables: ${await deployment.tables()}`);
    before = now;
  }
  return after;
}
