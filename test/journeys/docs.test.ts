/** What the pages about HTTP show is what happens: their examples are run as they stand, against a whole house. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { end, untilAnswers } from "../../tools/run/processes.ts";

const ROOT = resolve(import.meta.dirname, "../..");
let state: string;
let house: ChildProcess;

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "parley-docs-"));
  const env = { PATH: process.env["PATH"], PARLEY_STATE: state, ADMIN_KEYS: "change-me" };
  house = spawn(process.execPath, [join(ROOT, "tools/run/start.ts")], { env, stdio: "ignore" });
  await untilAnswers("http://127.0.0.1:9464/healthz", (body) => body["hub"] === "linked", house, 60_000);
});
afterAll(async () => {
  await end(house);
  await rm(state, { recursive: true, force: true });
});

test.each(["docs/reference/http.md", "README.md"])("%s", async (page) => {
  const examples = examplesOf(await readFile(join(ROOT, page), "utf8"));
  expect(examples.length).toBeGreaterThanOrEqual(3);
  // One shell for the whole page, so that what an example keeps is there for the next.
  const script = examples.map(({ command }) => `${command}\necho; echo '${MARK}'`).join("\n");
  const { stdout } = await promisify(execFile)("bash", ["-c", script], { cwd: state, timeout: 100_000 });
  const outputs = stdout.split(`${MARK}\n`);
  for (const [at, { command, shows }] of examples.entries()) {
    if (shows !== "")
      expect([command, outputs[at]!.trim()]).toStrictEqual([command, expect.stringMatching(like(shows))]);
  }
});

test("docs/reference/events.md in JavaScript: the list is known, and goes on being known", async () => {
  const page = await readFile(join(ROOT, "docs/reference/events.md"), "utf8");
  const [, example] = /^```js\n(.*?)^```/ms.exec(page)!;
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
    await end(watcher);
  }
});

const MARK = "-- next --";

type Example = { readonly command: string; readonly shows: string };

/** Commands that ask the hub or keep something for the next one, and what the page says that they print. */
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
  // The first page of the README shows a lobby that somebody hosts over UDP meanwhile.
  return examples.filter(({ command, shows }) => /^(curl|[a-z_]+(=|\(\)))/.test(command) && !shows.includes('"rabid"'));
}

/** Three dots stand for anything. */
const like = (shows: string): RegExp =>
  new RegExp(
    `^${shows
      .split("...")
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
      .join(".*")}$`,
  );
