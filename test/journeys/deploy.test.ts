/**
 * Runs the deploy page command by command, exactly as written. It runs in its own mount namespace, where /etc, /opt and
 * /var/lib are temporary copies. wrangler deploys to a stand-in of Cloudflare's API, which has no Worker at first.
 */
import { execFile } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, inject, onTestFinished, test } from "vitest";
import { freePort } from "../../tools/run/ports.ts";
import { startProcess, stopProcess, waitForJson } from "../../tools/run/processes.ts";
import { CloudflareApi } from "../support/cloudflare-api.ts";
import { takeDefaultPorts } from "../support/default-ports.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const MARK = "-- next --";
/** The values of the placeholders that a reader replaces. */
const OURS: Readonly<Record<string, string>> = {
  HUB: "http://127.0.0.1:8787",
  ADDRESS: "127.0.0.1",
  SECOND: "127.0.0.2",
  VPS: "root@vps",
  REPOSITORY: '"$SANDBOX/source.git"',
};
/** Commands that need a browser, another package source, another machine or a Docker daemon, each with its replacement, if it has one. */
const ELSEWHERE: readonly (readonly [starts: string, rehearsal: string | null])[] = [
  ["curl -fsSL https://deb.nodesource.com/", null],
  ["sudo apt-get install", null],
  ["npx wrangler login", null],
  ["ssh ", 'cd "$SANDBOX/home"'],
  ["exit", 'cd "$SANDBOX/home/parley"'],
  // A linter reads the Dockerfile in every check.
  ["docker build", null],
  ["docker run", null],
];

/** Replacements of commands that act outside the namespace. `systemctl` starts a unit's command as the unit's user. */
const STANDINS: Readonly<Record<string, string>> = {
  sudo: 'exec "$@"',
  ufw: 'echo "ufw $*" >>"$SANDBOX/ufw"',
  sysctl: 'test -r "$3"',
  scp: 'cp "$2" "$SANDBOX/home/"',
  npm: `
case "$*" in *--secrets-file*) stat -c %a "\${@: -1}" >"$SANDBOX/mode" ;; esac
[ "$1" != ci ] || exec ln -sfn ${ROOT}/node_modules node_modules; exec "$REAL_NPM" "$@"`,
  systemctl: `
unit=; for word; do case $word in -*|enable|start|restart|daemon-reload|try-restart) ;; *) unit=$word ;; esac; done
case "$*" in *start*|*--now*) ;; *) exit 0 ;; esac
[ "$1" != try-restart ] || exit 0
instance=; case $unit in *@*) instance=\${unit#*@} ;; esac
file=/etc/systemd/system/\${unit%"$instance"}.service
of() { sed -n "s/%i/$instance/; s/^$1=//p" "$file"; }
if [ "$1" = restart ]; then pid=$(cat "$SANDBOX/$unit.pid"); kill "$pid"; tail --pid="$pid" -f /dev/null; fi
who=$(of User); [ -n "$who" ] || who=nobody
state=/var/lib/$(of StateDirectory); mkdir -p "$state"; chown "$who" "$state"
cd "$(of WorkingDirectory)"
set -a; eval "$(of Environment)"; . "$(of EnvironmentFile)"; set +a
setpriv --reuid "$who" --clear-groups --no-new-privs $(of ExecStart) >"$SANDBOX/$unit.log" 2>&1 &
echo $! >"$SANDBOX/$unit.pid"`,
};

const isRoot = process.getuid?.() === 0;
let sandbox: string;

beforeEach(async () => {
  sandbox = await mkdtemp(join(tmpdir(), "parley-deploy-"));
  await chmod(sandbox, 0o755);
  await mkdir(join(sandbox, "bin"));
  await mkdir(join(sandbox, "home"));
  for (const [name, script] of Object.entries(STANDINS)) {
    await writeFile(join(sandbox, "bin", name), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  }
  await commitSources(join(sandbox, "source.git"));
});
afterEach(() => rm(sandbox, { recursive: true, force: true }));

/** A repository of the files as they are now, because these tests also run from an archive, which has none. */
async function commitSources(repository: string): Promise<void> {
  const git = (...args: readonly string[]) => promisify(execFile)("git", args, { cwd: ROOT });
  await git("init", "-q", "--bare", "-b", "main", repository);
  const here = [`--git-dir=${repository}`, `--work-tree=${ROOT}`];
  await git(...here, "add", "--all");
  const author = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
  await git(...here, ...author, "commit", "-q", "-m", "test: commit the sources");
}

type Command = { readonly written: string; readonly runs: string; readonly shows: string };

function commandsOf(page: string): Command[] {
  const blocks = Array.from(page.matchAll(/^```console\n(.*?)^```/gms), ([, text]) => text!);
  const all = blocks.flatMap((block) => block.split(/^\$ /m).slice(1));
  return all.map((text) => {
    const [written = "", ...shows] = text.trimEnd().split("\n");
    const placeholder = /^([A-Z]+)=(?!\$)(\S+)$/.exec(written);
    if (placeholder !== null) return { written, runs: `${placeholder[1]}=${OURS[placeholder[1]!]!}`, shows: "" };
    const elsewhere = ELSEWHERE.find(([starts]) => written.startsWith(starts));
    const runs = elsewhere === undefined ? written : (elsewhere[1] ?? "true");
    return { written, runs, shows: shows.join("\n") };
  });
}

test.skipIf(!isRoot)("every command of the deploy page works as written", async () => {
  onTestFinished(await takeDefaultPorts());
  const commands = commandsOf(await readFile(join(ROOT, "docs/operate/deploy.md"), "utf8"));
  expect(commands.length).toBeGreaterThan(20);
  // Every replaced command is on the page.
  const cloudflare = await CloudflareApi.open();
  onTestFinished(() => cloudflare.close());
  for (const [starts] of ELSEWHERE) expect(commands.some(({ written }) => written.startsWith(starts))).toBe(true);
  const script = [
    "set -e",
    ...["etc", "opt", "var/lib"].map((folder) => {
      const copy = `"$SANDBOX/copy/${folder}"`;
      const fills = folder === "etc" ? `cp -a /${folder}/. ${copy}/ 2>/dev/null || true` : "true";
      return `mkdir -p ${copy}; ${fills}; mount --bind ${copy} /${folder}`;
    }),
    'mkdir -p /usr/bin; [ -w /usr/bin ] && mount --bind "$NODE" /usr/bin/node',
    "mkdir -p /etc/systemd/system",
    'cd "$SANDBOX/home"',
    `trap 'kill $(cat "$SANDBOX"/*.pid) 2>/dev/null || true; wait' EXIT`,
    ...commands.flatMap(({ runs }) => [runs, `echo; echo '${MARK}'`]),
  ].join("\n");
  const env = {
    PATH: `${join(sandbox, "bin")}:${process.env["PATH"]}:/usr/sbin:/sbin`,
    REAL_NPM: (await promisify(execFile)("which", ["npm"])).stdout.trim(),
    NODE: process.execPath,
    SANDBOX: sandbox,
    HOME: join(sandbox, "home"),
    ...cloudflare.env,
  };
  const run = promisify(execFile)("unshare", ["--mount", "bash", "-c", script], { env, maxBuffer: 10_000_000 });
  const { stdout } = await run.catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${error.stdout.slice(-3_000)}\n${error.stderr.slice(-3_000)}`);
  });
  const outputs = stdout.split(`${MARK}\n`);
  for (const [at, { written, shows }] of commands.entries()) {
    if (shows !== "")
      expect([written, outputs[at]!.trim()]).toStrictEqual([written, expect.stringMatching(like(shows))]);
  }
  expect(outputs.join("")).toContain("No faults found.");
  expect([...cloudflare.secrets.keys()]).toEqual(["SIDECAR_KEYS", "TOKEN_KEYS"]);
  expect(cloudflare.assets).toEqual(expect.arrayContaining(["/index.html", "/play/index.html", "/play/game.js"]));
  expect(await readFile(join(sandbox, "mode"), "utf8")).toBe("600\n");
  const opened = (await readFile(join(sandbox, "ufw"), "utf8")).split("\n");
  expect(opened.filter((line) => / port (3478|5160|8809|57775|49152:51200|8890|8891) /.test(line))).toHaveLength(7);
});

test("a Worker without secrets is refused, and a new version keeps the secrets of the first deploy", async () => {
  const cloudflare = await CloudflareApi.open();
  onTestFinished(() => cloudflare.close());
  const env = { ...process.env, ...cloudflare.env, HOME: sandbox };
  const deploy = (...args: readonly string[]) =>
    promisify(execFile)("npm", ["run", "-s", "deploy", "--", ...args], { cwd: ROOT, env });
  await expect(deploy()).rejects.toThrow("SIDECAR_KEYS, TOKEN_KEYS");
  const file = join(sandbox, "secrets");
  await writeFile(file, "SIDECAR_KEYS=one\nTOKEN_KEYS=two\n", { mode: 0o600 });
  await deploy("--secrets-file", file);
  await deploy();
  expect(cloudflare.deployments).toBe(2);
  expect(Object.fromEntries(cloudflare.secrets)).toEqual({ SIDECAR_KEYS: "one", TOKEN_KEYS: "two" });
});

test("the hub's image holds every file that the hub needs", async () => {
  const root = join(sandbox, "image");
  const [, stage] = /AS hub\n([^]*?)\nFROM /.exec(await readFile(join(ROOT, "deploy/Dockerfile"), "utf8"))!;
  for (const [, sources, target] of stage!.matchAll(/^COPY --from=build (.+) (\S+)$/gm)) {
    for (const source of sources!.split(" ").map((path) => path.replace("/parley/", ""))) {
      const to = target === "./" ? source : target!;
      await cp(source === "dist/hub" ? inject("bundle") : join(ROOT, source), join(root, to), { recursive: true });
    }
  }
  const port = await freePort("tcp");
  const keys = { SIDECAR_KEYS: "key-of-a-sidecar-of-the-image", TOKEN_KEYS: "token-key-of-the-hub-in-the-image" };
  const settings = { ...keys, HUB_LISTEN: `127.0.0.1:${port}`, HUB_STATE: join(sandbox, "state") };
  const hub = startProcess(process.execPath, [join(root, "tools/run/serve-hub.ts")], settings);
  onTestFinished(() => stopProcess(hub));
  await waitForJson(`http://127.0.0.1:${port}/readyz`, (body) => body["ok"] === true, hub);
});

/** Matches the beginning of an output; three dots match any text. */
const like = (shows: string): RegExp =>
  new RegExp(
    `^${shows
      .split("...")
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
      .join("[^]*")}`,
  );
