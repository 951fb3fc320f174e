/**
 * Measures how much a sidecar sends to victims whose address is forged, in network namespaces. `npm run attack` prints the
 * table.
 */
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as elapse } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { CREDIT_EARLY_FACTOR } from "#shared/limits.ts";
import {
  addressOf,
  type Branch,
  BRANCHES,
  type Forge,
  limitOf,
  type Measured,
  pageWith,
  ratio,
  ratioBeyondAllowance,
  tableOf,
  VICTIM_PORTS,
} from "../lab/amplification.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { Lab } from "../lab/lab.ts";
import { LabStack } from "../lab/lab-stack.ts";
import { LabSocket } from "../lab/socket.ts";

/** Start lines and timeouts are repeated; the last timeout comes 5.2 s after the last datagram of a member. */
const OBSERVED_MS = 7_000;
/** Before the sustained runs, each victim has "sent" this, so its allowance and its early bytes are used up. */
const WARM_UP_BYTES = 3_000;
const SUSTAINED_BYTES = 3_000;
/** Victims of a branch in its sustained runs. */
const SUSTAINED_VICTIMS_MAX = 9;
const PAGE = new URL("../../docs/operate/security.md", import.meta.url);

describe.skipIf(isLabMissing())("a victim whose address is forged", () => {
  let lab: Lab;
  let measured: readonly Measured[];

  beforeAll(async () => {
    lab = await Lab.open();
    const stack = await LabStack.open(await lab.host(), inject("bundle"));
    const all = BRANCHES.flatMap(({ victims = 1 }, branch) =>
      Array.from({ length: victims }, (_, victim) => addressOf(branch, victim)),
    );
    const victims = await (await lab.host()).run("victim.ts", [VICTIM_PORTS, ...all]);
    const attacker = await lab.host();
    const forger = await attacker.run("forger.ts", all);
    const own = await LabSocket.open(attacker);
    let forged = forger.lines.length;
    let marks = 0;
    // The link keeps the order, so this reply comes after the effects of everything sent before.
    const settled = async (): Promise<void> => {
      await forger.waitForLine((line) => "sent" in line, { from: forged - 1 });
      const name = `A${marks++}`;
      await own.request(`h:Settled:${name}:2`, stack.endpointOf("rabid"), `i:${name}`, 500);
      own.send(`x:Settled:${name}`, stack.endpointOf("rabid"));
    };
    const sentBy = BRANCHES.map(() => 0);
    let rounds = 0;
    const run = async (index: number, victims_max: number): Promise<void> => {
      const branch = BRANCHES[index]!;
      const forge: Forge = (port, said, to, victim = 0) => {
        const bytes = Buffer.from(said);
        sentBy[index]! += bytes.length;
        forged++;
        const from = { address: addressOf(index, victim), port };
        forger.send({ from, to: stack.endpointOf(to), say: bytes.toString("base64") });
      };
      await branch.run(forge, settled, (rounds++).toString(36), Math.min(branch.victims ?? 1, victims_max));
      await settled();
    };
    const runUntil = async (index: number, bytes: number): Promise<void> => {
      const all_bytes = bytes * Math.min(BRANCHES[index]!.victims ?? 1, SUSTAINED_VICTIMS_MAX);
      for (const until = sentBy[index]! + all_bytes; sentBy[index]! < until;) await run(index, SUSTAINED_VICTIMS_MAX);
    };
    let counts = 0;
    const count = async (): Promise<{ sent: number; received: number }[]> => {
      await elapse(OBSERVED_MS);
      victims.send({ count: ++counts });
      const { bytes } = (await victims.waitForLine((line) => line["count"] === counts)) as unknown as {
        bytes: Record<string, number>;
      };
      const receivedBy = ({ victims: of_branch = 1 }: Branch, index: number): number =>
        Array.from({ length: of_branch }, (_, victim) => bytes[addressOf(index, victim)]!).reduce((a, b) => a + b);
      return BRANCHES.map((branch, index) => ({ sent: sentBy[index]!, received: receivedBy(branch, index) }));
    };
    for (const index of BRANCHES.keys()) await run(index, Infinity);
    const bursts = await count();
    for (const index of BRANCHES.keys()) await runUntil(index, WARM_UP_BYTES);
    // Rate limits kept some replies back; this run spends the credit that they left.
    for (const index of BRANCHES.keys()) await run(index, SUSTAINED_VICTIMS_MAX);
    const warm = await count();
    for (const index of BRANCHES.keys()) await runUntil(index, SUSTAINED_BYTES);
    const sustained = await count();
    measured = BRANCHES.map((branch, at) => {
      const [before, after] = [warm[at]!, sustained[at]!];
      const between = { sent: after.sent - before.sent, received: after.received - before.received };
      return { branch, burst: bursts[at]!, sustained: between, total: after };
    });
    process.stdout.write(`${tableOf(measured)}\n`);
    if (process.env["PARLEY_ATTACK"] === "write") {
      await writeFile(PAGE, pageWith(await readFile(PAGE, "utf8"), tableOf(measured)));
    }
    await stack.close();
  });
  afterAll(() => lab?.close());

  test("receives replies in every branch: the attack reaches the sidecar", () => {
    const isMissed = ({ burst, sustained }: Measured): boolean => burst.received === 0 || sustained.received === 0;
    expect(measured.filter(isMissed).map(({ branch }) => branch.name)).toStrictEqual([]);
  });

  test("receives in a burst its fixed allowance and at most three times what the attacker sent, except lists", () => {
    for (const one of measured.filter(({ branch }) => branch.isList !== true))
      expect([one.branch.name, ratioBeyondAllowance(one) <= CREDIT_EARLY_FACTOR]).toStrictEqual([
        one.branch.name,
        true,
      ]);
  });

  test("receives in the long run 1.5 times what the attacker sends, beside the allowance and early bytes, except lists", () => {
    for (const one of measured.filter(({ branch }) => branch.isList !== true))
      expect([one.branch.name, one.total.received <= limitOf(one)]).toStrictEqual([one.branch.name, true]);
  });

  test("receives a list of at most five times the request", () => {
    for (const { burst } of measured.filter(({ branch }) => branch.isList === true)) {
      expect(ratio(burst)).toBeLessThan(5);
    }
  });
});
