/**
 * Measures how much a sidecar sends to victims whose address is forged, in network namespaces. `npm run attack` prints the
 * table.
 */
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as elapse } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import {
  CREDIT_ALLOWANCE_BYTES,
  CREDIT_EARLY_BYTES,
  CREDIT_EARLY_FACTOR,
  CREDIT_FACTOR,
  CREDIT_START_BYTES,
} from "#shared/limits.ts";
import {
  addressOf,
  type Branch,
  BRANCHES,
  type Forge,
  type Measured,
  pageWith,
  ratio,
  tableOf,
  VICTIM_PORTS,
} from "../lab/amplification.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { Lab } from "../lab/lab.ts";
import { LabStack } from "../lab/lab-stack.ts";
import { LabSocket } from "../lab/socket.ts";

/** Allowances refill a little while the branches run. In the early bytes a host's introductions are paid for twice. */
const SLACK = 1.1;
/** Start lines and timeouts are repeated; the last timeout comes 5.2 s after the last datagram of a member. */
const OBSERVED_MS = 7_000;
const PAGE = new URL("../../docs/operate/security.md", import.meta.url);

const startsOf = ({ starts }: Branch): number => (starts === true ? CREDIT_START_BYTES : 0);

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
    let marks = 0;
    // The link keeps the order, so this reply comes after the effects of everything sent before.
    const settled = async (): Promise<void> => {
      const name = `M${marks++}`;
      await own.request(`h:${name}:A:2`, stack.endpointOf("rabid"), "i:A", 1_000);
    };
    const sentBy: number[] = [];
    for (const [index, branch] of BRANCHES.entries()) {
      sentBy[index] = 0;
      const forge: Forge = async (port, said, to, victim = 0) => {
        const bytes = Buffer.from(said);
        sentBy[index]! += bytes.length;
        const from = forger.lines.length;
        forger.send({
          from: { address: addressOf(index, victim), port },
          to: stack.endpointOf(to),
          say: bytes.toString("base64"),
        });
        await forger.waitForLine((line) => "sent" in line, { from });
      };
      await branch.run(forge, settled);
    }
    await elapse(OBSERVED_MS);
    victims.send({ count: 1 });
    const { bytes } = (await victims.waitForLine((line) => line["count"] === 1)) as unknown as {
      bytes: Record<string, number>;
    };
    measured = BRANCHES.map((branch, index) => {
      const received = Array.from({ length: branch.victims ?? 1 }, (_, victim) => bytes[addressOf(index, victim)]!);
      return { branch, sent: sentBy[index]!, received: received.reduce((sum, one) => sum + one) };
    });
    process.stdout.write(`${tableOf(measured)}\n`);
    if (process.env["PARLEY_ATTACK"] === "write") {
      await writeFile(PAGE, pageWith(await readFile(PAGE, "utf8"), tableOf(measured)));
    }
    await stack.close();
  });
  afterAll(() => lab?.close());

  test("receives replies in every branch: the attack reaches the sidecar", () => {
    expect(measured.filter(({ received }) => received === 0).map(({ branch }) => branch.name)).toStrictEqual([]);
  });

  test("receives at most three times what the attacker sent, or the allowances, except lists", () => {
    for (const { branch, sent, received } of measured) {
      if (branch.kind === "list") continue;
      const victims = branch.victims ?? 1;
      const allowed =
        Math.max(victims * CREDIT_ALLOWANCE_BYTES, CREDIT_EARLY_FACTOR * sent) + victims * startsOf(branch);
      expect([branch.name, received <= SLACK * allowed]).toStrictEqual([branch.name, true]);
    }
  });

  test("receives at most 1.5 times what is sent in the long run", () => {
    for (const { branch, sent, received } of measured) {
      if (branch.kind !== "long") continue;
      const early = CREDIT_ALLOWANCE_BYTES + startsOf(branch) + CREDIT_EARLY_FACTOR * CREDIT_EARLY_BYTES;
      const late = Math.max(0, sent - CREDIT_EARLY_BYTES);
      expect([branch.name, received <= SLACK * (early + CREDIT_FACTOR * late)]).toStrictEqual([branch.name, true]);
    }
  });

  test("receives a list of at most five times the request", () => {
    const lists = measured.filter(({ branch }) => branch.kind === "list");
    for (const one of lists) expect(ratio(one)).toBeLessThan(5);
  });
});
