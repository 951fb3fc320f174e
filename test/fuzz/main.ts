/**
 * `npm run fuzz -- TARGET SECONDS` runs one decoder in this process; `npm run fuzz -- TARGET --count N` sends N inputs to a
 * deployment that it starts. Inputs are mutations of recorded ones.
 */
import { parseCommandLine, UsageError } from "../../tools/command-line.ts";
import { attack } from "./attack.ts";
import { fuzz, saveFinding } from "./findings.ts";
import { writeRow } from "./page.ts";
import { TARGETS } from "./targets.ts";

const DEPLOYED = Object.keys(TARGETS).filter((name) => TARGETS[name]!.counted !== null);

const HELP = `
Usage: npm run fuzz -- TARGET SECONDS
       npm run fuzz -- [TARGET] --count N [--backend dgram]
       npm run fuzz -- [TARGET] --write

Mutates recorded inputs. With SECONDS, runs the decoder in this process; an input that makes it throw is stored in
test/fuzz/findings, and every test run replays it. With --count, sends inputs to a hub and a sidecar on this machine until
their tables are warm, and then N more. Prints errors, the growth of the memory of both during these N, the delay of the
sidecar's event loop and the hub's response time, and whether each is within its limit. Without a target, all of them in turn.

Targets: ${Object.keys(TARGETS).join(" ")}

  --count N    how many inputs are counted
  --write      counts as many as docs/operate/security.md has, and stores the results there
  --backend B  of the sidecar's UDP: auto (batches, where the system has them) or dgram (default: auto)
  --seed N     of the random numbers (default: the time)

Exit status: 0 nothing found, 1 a finding, 2 wrong options.
`;

const options = parseCommandLine(
  HELP,
  {
    options: {
      count: { type: "string" },
      seed: { type: "string" },
      write: { type: "boolean" },
      backend: { type: "string", default: "auto" },
    },
    allowPositionals: true,
  },
  ({ values, positionals: [target, duration = ""] }) => {
    const [count, seconds] = [Number(values.count ?? 0), Number(duration)];
    const isDeployed = count > 0 || values.write === true;
    const targets = target === undefined && isDeployed ? DEPLOYED : [target ?? ""];
    for (const name of targets) {
      const known = isDeployed ? DEPLOYED : Object.keys(TARGETS);
      if (!known.includes(name)) throw new UsageError(`a target is expected: ${known.join(", ")}`);
    }
    if (!isDeployed && !(seconds > 0)) throw new UsageError("SECONDS, --count N or --write is expected");
    const seed = Number(values.seed ?? Date.now() % 2 ** 32);
    return { targets, seconds, count, seed, writes: values.write === true, udp: toBackend(values.backend) };
  },
);

for (const name of options.targets) {
  process.stdout.write(`${name}, seed ${options.seed}\n`);
  if (options.count > 0 || options.writes) await runDeployed(name);
  else runDecoder(name);
}

async function runDeployed(name: string): Promise<void> {
  const target = TARGETS[name]!;
  const count = options.count || target.counted!.count;
  const log = (line: string): void => void process.stdout.write(`${line}\n`);
  const { faults, lines, cells } = await attack(target, { ...options, count }, log);
  for (const line of lines) log(line);
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  if (faults.length > 0) process.exitCode = 1;
  else if (options.writes) writeRow(DEPLOYED, name, target.counted!.unit, cells);
}

function runDecoder(name: string): void {
  const found = fuzz(TARGETS[name]!, options.seed, { ms: options.seconds * 1_000 });
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
