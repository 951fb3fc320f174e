/**
 * `npm run doctor -- --hub URL --sidecar HOST`: looks at a house from where you are, as a player would, and says what is
 * wrong and what to do next.
 *
 *     --hub URL        the hub, like https://hub.example
 *     --sidecar HOST   the sidecar's name or address; may be left out, and said more than once
 *     --game NAME      default unless said
 *     PARLEY_KEY=...   the sidecars' key, to have it tried; it is shown to the hub alone
 *
 * Ends with 0 where nothing is wrong, 1 where something is, 2 where it was called wrongly.
 */
import { lookup } from "node:dns/promises";
import { parseArgs } from "node:util";
import { GAME_PATTERN } from "#shared/limits.ts";
import { type Finding, fault, line } from "./finding.ts";
import { examineHub } from "./hub.ts";
import { examineSidecar } from "./sidecar.ts";

const { hub: url, sidecars, game } = asked();
const found: Finding[] = [];
const tell = (findings: readonly Finding[]): void => {
  found.push(...findings);
  for (const finding of findings) process.stdout.write(`${line(finding)}\n`);
};

const hub = { url, game, key: process.env["PARLEY_KEY"] || undefined };
tell(await examineHub(hub));
const hubLives = !found.some(({ state, what }) => state === "fault" && (what === "hub" || what === "certificate"));
for (const name of sidecars) {
  const address = await lookup(name).then(
    (one) => one.address,
    () => null,
  );
  if (address === null) tell([fault("sidecar", `${name} has no address`, "correct --sidecar, or its DNS record")]);
  else tell(await examineSidecar(hub, hubLives, { name, address }));
}
const faults = found.filter(({ state }) => state === "fault").length;
process.stdout.write(faults === 0 ? "\nNothing is wrong.\n" : `\nFaults: ${faults}\n`);
process.exit(faults === 0 ? 0 : 1);

function asked(): { hub: URL; sidecars: string[]; game: string } {
  try {
    const { values } = parseArgs({
      options: {
        hub: { type: "string" },
        sidecar: { type: "string", multiple: true },
        game: { type: "string", default: "default" },
      },
    });
    if (!URL.canParse(values.hub ?? "") || !GAME_PATTERN.test(values.game)) throw new Error("--hub URL is needed");
    return { hub: new URL(values.hub!), sidecars: values.sidecar ?? [], game: values.game };
  } catch (error) {
    process.stderr.write(
      `${(error as Error).message}\nUsage: npm run doctor -- --hub URL [--sidecar HOST] [--game NAME]\n`,
    );
    process.exit(2);
  }
}
