/** Runs the console examples and the JavaScript client of the documentation against a deployment that `npm start` opens. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stopProcess, waitForJson } from "../../tools/run/processes.ts";
import { takeDefaultPorts } from "../support/default-ports.ts";
import { blocksOf, ROOT } from "../support/doc-blocks.ts";

/** In an order in which no page lists what a later one expects alone. */
const PAGES = [
  "docs/reference/http.md",
  "docs/guides/lobby-browser.md",
  "docs/guides/rabid.md",
  "docs/guides/netfox.md",
  "docs/guides/dtls.md",
  "README.md",
];

let state: string;
let deployment: ChildProcess;
let endTurn: () => void;

beforeAll(async () => {
  endTurn = await takeDefaultPorts();
  state = await mkdtemp(join(tmpdir(), "parley-docs-"));
  const env = { PATH: process.env["PATH"], PARLEY_STATE: state, ADMIN_KEYS: "key-of-the-operators" };
  deployment = spawn(process.execPath, [join(ROOT, "tools/run/start.ts")], { env, stdio: "ignore" });
  await waitForJson("http://127.0.0.1:9464/healthz", (body) => body["hub"] === "linked", deployment, 60_000);
});
afterAll(async () => {
  await stopProcess(deployment);
  endTurn?.();
  await rm(state, { recursive: true, force: true });
});

test.each(PAGES)("the console examples of %s print what the page shows", async (page) => {
  const examples = examplesOf(await readFile(join(ROOT, page), "utf8"));
  expect(examples.length).toBeGreaterThanOrEqual(1);
  // One shell for the whole page, because an example uses variables of the one before.
  const script = examples.map(({ command }) => `${command}\necho; echo '${MARK}'`).join("\n");
  const { stdout } = await promisify(execFile)("bash", ["-c", script], { cwd: ROOT, timeout: 100_000 });
  const outputs = stdout.split(`${MARK}\n`);
  for (const [at, { command, shows }] of examples.entries()) {
    if (shows !== "")
      expect([command, outputs[at]!.trim()]).toStrictEqual([command, expect.stringMatching(like(shows))]);
  }
});

test("the JavaScript client of docs/reference/events.md follows the list", async () => {
  const [example] = blocksOf("docs/reference/events.md", "js");
  const shows = "setInterval(() => console.log(JSON.stringify([...lobbies.values()].map(({ name }) => name))), 20);";
  const watcher = spawn(process.execPath, ["-e", `${example}\n${shows}`], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface(watcher.stdout)[Symbol.asyncIterator]();
  const until = async (wanted: (names: string[]) => boolean): Promise<void> => {
    for (;;) if (wanted(JSON.parse((await lines.next()).value as string) as string[])) return;
  };
  try {
    const api = "http://127.0.0.1:8787/v1/games/default";
    const { peer_token } = (await (await fetch(`${api}/peers`, { method: "POST" })).json()) as { peer_token: string };
    const headers = { authorization: `Bearer ${peer_token}`, "content-type": "application/json" };
    const body = JSON.stringify({ name: "Watched", seats: 2 });
    const made = await fetch(`${api}/lobbies`, { method: "POST", headers, body });
    const { lobby } = (await made.json()) as { lobby: { id: string } };
    await until((names) => names.includes("Watched"));
    expect((await fetch(`${api}/lobbies/${lobby.id}`, { method: "DELETE", headers })).status).toBe(204);
    await until((names) => !names.includes("Watched"));
  } finally {
    await stopProcess(watcher);
  }
});

const MARK = "-- next --";

type Example = { readonly command: string; readonly shows: string };

/** Commands against the running deployment, and the output that the page shows. Commands that start one are left out. */
function examplesOf(page: string): Example[] {
  const blocks = Array.from(page.matchAll(/^```console\n(.*?)^```/gms), ([, text]) => text!);
  const examples = blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((example) => {
        const [, command, shows] = /^((?:[^\n]*\\\n)*[^\n]*)\n?(.*)$/s.exec(example)!;
        return { command: command!, shows: shows!.trim() };
      }),
  );
  return examples.filter(({ command }) => /^(curl |npm run -s |[a-z_]+=)/.test(command));
}

/** Three dots match any text. */
const like = (shows: string): RegExp =>
  new RegExp(
    `^${shows
      .split("...")
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
      .join(".*")}$`,
  );
