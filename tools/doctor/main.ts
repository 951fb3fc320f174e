/** `npm run doctor`: checks a hub and its sidecars from the network of a player. Its help text says how to call it. */
import { lookup } from "node:dns/promises";
import { GAME_PATTERN } from "#shared/limits.ts";
import { parseCommandLine, UsageError } from "../command-line.ts";
import { type Finding, fault, formatFinding } from "./finding.ts";
import { checkHub } from "./hub.ts";
import { checkIntroduction } from "./introduction.ts";
import { checkRelays } from "./relays.ts";
import { checkSidecar, listSidecars } from "./sidecar.ts";

const HELP = `
Usage: npm run doctor -- --hub URL [--sidecar HOST ...] [--game NAME]

Checks a hub and its sidecars from the network of a player, who meets another one in a lobby and uses relays. Prints each
fault with the next step.

  --hub URL        the hub, for example https://hub.example
  --sidecar HOST   a sidecar's name or address; may be repeated
  --game NAME      the game (default)
  PARLEY_KEY=...   the sidecars' key, to check it as well; only the hub receives it

Exit status: 0 no fault, 1 at least one fault, 2 wrong options.
`;

const { hubUrl, sidecars, game } = readOptions();
const found: Finding[] = [];
const report = (findings: readonly Finding[]): void => {
  found.push(...findings);
  for (const finding of findings) process.stdout.write(`${formatFinding(finding)}\n`);
};

const hub = { url: hubUrl, game, key: process.env["PARLEY_KEY"] || undefined };
report(await checkHub(hub));
const hubIsUp = !found.some(
  ({ state, subject }) => state === "fault" && (subject === "hub" || subject === "certificate"),
);
for (const name of sidecars) {
  const address = await lookup(name).then(
    (resolved) => resolved.address,
    () => null,
  );
  if (address === null) report([fault("sidecar", `${name} has no address`, "correct --sidecar, or its DNS record")]);
  else report(await checkSidecar(hub, hubIsUp, { name, address }));
}
if (hubIsUp) {
  const linked = await listSidecars(hub);
  if (linked.length === 0)
    report([fault("sidecars", "none is linked", "start one, with PARLEY_HUB and PARLEY_KEY of this hub")]);
  else {
    const introduction = await checkIntroduction(hub);
    report([introduction]);
    // Without introductions there are no relays.
    if (introduction.state !== "fault") report(await checkRelays(hub, linked));
  }
}
const faults = found.filter(({ state }) => state === "fault").length;
process.stdout.write(faults === 0 ? "\nNo faults found.\n" : `\nFaults: ${faults}\n`);
process.exit(faults === 0 ? 0 : 1);

function readOptions(): { hubUrl: URL; sidecars: string[]; game: string } {
  const options = {
    hub: { type: "string" },
    sidecar: { type: "string", multiple: true },
    game: { type: "string", default: "default" },
  } as const;
  return parseCommandLine(HELP, { options }, ({ values }) => {
    const { hub = "" } = values;
    if (!/^https?:\/\//.test(hub) || !URL.canParse(hub)) {
      throw new UsageError(
        "--hub must be a URL that begins with https:// or http://, for example https://hub.example.",
      );
    }
    if (!GAME_PATTERN.test(values.game)) throw new UsageError("--game must consist of a-z, 0-9 and hyphens.");
    return { hubUrl: new URL(hub), sidecars: values.sidecar ?? [], game: values.game };
  });
}
