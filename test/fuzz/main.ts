/**
 * `npm run fuzz -- TARGET SECONDS` runs one decoder in this process; `npm run fuzz -- TARGET --count N` sends N inputs to a
 * deployment that it starts. Inputs are mutations of recorded ones.
 */
import { parseCommandLine, UsageError } from "../../tools/command-line.ts";
import { attack } from "./attack.ts";
import { fuzz, saveFinding } from "./findings.ts";
import { TARGETS } from "./targets.ts";

const HELP = `
Usage: npm run fuzz -- TARGET SECONDS
       npm run fuzz -- TARGET --count N [--backend dgram]

Mutates recorded inputs. With SECONDS, runs the decoder in this process; an input that makes it throw is stored in
test/fuzz/findings, and every test run replays it. With --count, sends N inputs to a hub and a sidecar on this machine, and
prints their errors, the growth of their memory and the delay of their event loops.

Targets: ${Object.keys(TARGETS).join(" ")}

  --count N    how many inputs a deployment gets
  --backend B  of the sidecar's UDP: auto (batches, where the system has them) or dgram (default: auto)
  --seed N     of the random numbers (default: the time)

Exit status: 0 nothing found, 1 a finding, 2 wrong options.
`;

const { name, seconds, count, seed, backend } = parseCommandLine(
  HELP,
  {
    options: { count: { type: "string" }, seed: { type: "string" }, backend: { type: "string", default: "auto" } },
    allowPositionals: true,
  },
  ({ values, positionals }) => {
    const [target = "", duration = ""] = positionals;
    if (!Object.hasOwn(TARGETS, target))
      throw new UsageError(`a target is expected: ${Object.keys(TARGETS).join(", ")}`);
    const [inputs, end] = [Number(values.count ?? 0), Number(duration)];
    if (!(inputs > 0) && !(end > 0)) throw new UsageError("SECONDS or --count N is expected");
    return {
      name: target,
      seconds: end,
      count: inputs,
      seed: Number(values.seed ?? Date.now() % 2 ** 32),
      backend: toBackend(values.backend),
    };
  },
);
const target = TARGETS[name]!;
process.stdout.write(`${name}, seed ${seed}\n`);
if (count > 0) {
  const { faults, lines } = await attack(target, seed, count, backend);
  process.stdout.write(`${lines.join("\n")}\n`);
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
} else {
  const found = fuzz(target, seed, { ms: seconds * 1_000 });
  if (typeof found === "number") process.stdout.write(`${found} inputs, no finding\n`);
  else {
    process.stderr.write(`${saveFinding(name, found.input)}\n`);
    console.error(found.error);
    process.exitCode = 1;
  }
}

function toBackend(word: string): "auto" | "dgram" {
  if (word !== "auto" && word !== "dgram") throw new UsageError("--backend: auto or dgram is expected");
  return word;
}
