/**
 * What a user reads after a mistake in a setting, an option or an argument: the name, the cause and the next step, never a
 * stack. Nothing is written into the working directory.
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const [START, HUB, SIDECAR, DOCTOR] = [
  "tools/run/start.ts",
  "tools/run/serve-hub.ts",
  "udp-sidecar/main.ts",
  "tools/doctor/main.ts",
];
const KEYS = { SIDECAR_KEYS: "key-of-the-misconfigured", TOKEN_KEYS: "token-key-of-a-misconfigured-hub" };
const SEE_START = "See `npm start -- --help`, and `npx node udp-sidecar/main.ts --help` for the sidecar.";
const SEE_HUB = "See `npm run hub -- --help`.";
const SEE_SIDECAR = "See --help for all settings.";

let cwd: string;
/** A file where a folder is expected, a full file system, and a port that this process holds. */
let file: string;
let full: string;
let port: number;
const server = createServer();
const canMount = process.platform === "linux" && process.getuid?.() === 0;

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), "parley-wrong-"));
  const outside = mkdtempSync(join(tmpdir(), "parley-outside-"));
  file = join(outside, "file");
  writeFileSync(file, "");
  full = join(outside, "full");
  if (canMount) {
    execFileSync("mkdir", [full]);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", full]);
    writeFileSync(join(full, "file"), Buffer.alloc(4_096));
  }
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.close();
  if (canMount) execFileSync("umount", ["-l", full]);
  for (const folder of [cwd, join(file, "..")]) rmSync(folder, { recursive: true });
});

type Case = {
  readonly program: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The lines on stderr; of a usage error only the first, which the usage follows. */
  readonly reads: readonly string[];
  readonly code?: number;
  readonly skip?: boolean;
};

const cases = (): Readonly<Record<string, Case>> => ({
  "an empty PARLEY_STATE": {
    program: START,
    env: { PARLEY_STATE: "" },
    reads: ["PARLEY_STATE: expected a folder", SEE_START],
  },
  "a PARLEY_STATE that is a file": {
    program: START,
    env: { PARLEY_STATE: file },
    reads: [
      `PARLEY_STATE: ${file} cannot be written (EEXIST: file already exists). Make room there, or set PARLEY_STATE to another folder.`,
    ],
    code: 1,
  },
  "a PARLEY_STATE on a full disk": {
    program: START,
    env: { PARLEY_STATE: full },
    reads: [
      `PARLEY_STATE: ${full} cannot be written (ENOSPC: no space left on device). Make room there, or set PARLEY_STATE to another folder.`,
    ],
    code: 1,
    skip: !canMount,
  },
  "a PARLEY_STATE below /proc": {
    program: START,
    env: { PARLEY_STATE: "/proc/parley" },
    reads: [
      "PARLEY_STATE: /proc/parley cannot be written (ENOENT: no such file or directory). Make room there, or set PARLEY_STATE to another folder.",
    ],
    code: 1,
    skip: process.platform !== "linux",
  },
  "several wrong settings at once": {
    program: START,
    env: { PARLEY_STATUS: "9464", PARLEY_PORT: "1", TOKEN_KEYS: "short" },
    reads: [
      "PARLEY_STATUS: expected ADDRESS:PORT, or off",
      "PARLEY_PORT: unknown setting",
      "TOKEN_KEYS: a key has fewer than 32 characters; `openssl rand -hex 32` makes one",
      SEE_START,
    ],
  },
  "a host name for --listen": {
    program: START,
    args: ["--listen", "localhost"],
    reads: ["--listen must be an IP address; 0.0.0.0 is every address of this machine."],
  },
  "a --port that is none": {
    program: START,
    args: ["--port", "http"],
    reads: ["--port must be a number from 1 to 65535."],
  },
  "an address of another machine": {
    program: START,
    args: ["--listen", "198.51.100.7", "--port", String(port)],
    env: { PARLEY_STATE: join(file, "../state"), PARLEY_LISTEN: "127.0.0.1" },
    reads: [
      `TCP port ${port} (hub) cannot be opened at 198.51.100.7 (EADDRNOTAVAIL).`,
      "Stop that program, or choose other ports: `npm start -- --help` names the options and settings.",
    ],
    code: 1,
  },
  "a hub without keys": {
    program: HUB,
    reads: [
      "SIDECAR_KEYS is not set: `openssl rand -hex 32` makes one",
      "TOKEN_KEYS is not set: `openssl rand -hex 32` makes one",
      SEE_HUB,
    ],
  },
  "an empty HUB_STATE, half a HUB_LISTEN and a wrong HUB_SHARDS": {
    program: HUB,
    env: { ...KEYS, HUB_STATE: "", HUB_LISTEN: "8787", HUB_SHARDS: "many" },
    reads: [
      "HUB_LISTEN: IP_ADDRESS:PORT expected, like 127.0.0.1:8787",
      "HUB_STATE: a folder expected",
      "HUB_SHARDS: a number from 1 to 64 expected, or the new and the former one, like 4,2",
      SEE_HUB,
    ],
  },
  "a HUB_STATE that cannot be written": {
    program: HUB,
    env: { ...KEYS, HUB_STATE: file, HUB_LISTEN: "127.0.0.1:8799" },
    reads: [
      `HUB_STATE: ${file}/bundle cannot be written (ENOTDIR: not a directory). Make room there, or set HUB_STATE to another folder.`,
    ],
    code: 1,
  },
  "a HUB_LISTEN that is taken": {
    program: HUB,
    env: { ...KEYS, HUB_LISTEN: `127.0.0.1:${port}` },
    reads: [expect.stringMatching(`^TCP port ${port} \\(HUB_LISTEN\\) is taken by .*\\.$`) as string, SEE_HUB],
  },
  "a sidecar without a key, with a hub without a scheme": {
    program: SIDECAR,
    env: { PARLEY_HUB: "hub.example" },
    reads: [
      "PARLEY_HUB: expected an http:// or https:// URL",
      "PARLEY_KEY: expected the sidecar key: no spaces, no commas",
      SEE_SIDECAR,
    ],
  },
  "a sidecar whose state cannot be written": {
    program: SIDECAR,
    env: { PARLEY_KEY: "key", PARLEY_DTLS: "required", PARLEY_STATE: join(file, "state"), PARLEY_STATUS: "off" },
    reads: [
      expect.stringContaining(
        `"PARLEY_STATE: ${file}/state cannot be written (ENOTDIR): make room there, or name another folder"`,
      ) as string,
    ],
    code: 1,
  },
  "a sidecar whose state is below /proc": {
    program: SIDECAR,
    env: { PARLEY_KEY: "key", PARLEY_DTLS: "required", PARLEY_STATE: "/proc/parley", PARLEY_STATUS: "off" },
    reads: [
      expect.stringContaining(
        '"PARLEY_STATE: /proc/parley cannot be written (ENOENT): make room there, or name another folder"',
      ) as string,
    ],
    code: 1,
    skip: process.platform !== "linux",
  },
  "a doctor without --hub": {
    program: DOCTOR,
    reads: ["--hub must be a URL that begins with https:// or http://, for example https://hub.example."],
  },
  "a --hub without a scheme": {
    program: DOCTOR,
    args: ["--hub", "localhost:8787"],
    reads: ["--hub must be a URL that begins with https:// or http://, for example https://hub.example."],
  },
  "an example whose hub does not run": {
    program: "clients/typescript/examples/lobby-host.ts",
    args: ["http://127.0.0.1:1"],
    reads: [
      "The hub does not answer: Error: connect ECONNREFUSED 127.0.0.1:1.",
      "Usage: node examples/lobby-host.ts [HUB [NAME]]",
      "`npm start` runs a hub at http://127.0.0.1:8787.",
    ],
    code: 1,
  },
  "an example without arguments": {
    program: "clients/typescript/examples/lobby-join.ts",
    reads: [
      "An argument is missing.",
      "Usage: node examples/lobby-join.ts HUB LOBBY [WORDS]; lobby-host.ts prints the LOBBY",
      "`npm start` runs a hub at http://127.0.0.1:8787.",
    ],
    code: 1,
  },
});

test("each of these mistakes gets its name, its cause and the next step, and writes nothing", async () => {
  const entries = Object.entries(cases()).filter(([, { skip }]) => skip !== true);
  const results = await Promise.all(entries.map(([, { program, args = [], env = {} }]) => run(program, args, env)));
  for (const [at, [name, { reads, code = 2 }]] of entries.entries()) {
    const { stderr, status } = results[at]!;
    // After a usage error the whole usage follows.
    const [text, usage] = stderr.split("\n\nUsage: ");
    expect([name, status, text!.trimEnd().split("\n")]).toStrictEqual([name, code, reads]);
    if (usage !== undefined) expect([name, usage]).toStrictEqual([name, expect.stringMatching(/^npm /)]);
  }
  expect(readdirSync(cwd)).toEqual([]);
});

/** The programs run at the same time, with nothing of this environment but PATH. */
function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ stderr: string; status: number | null }> {
  const options = { cwd, env: { PATH: process.env["PATH"], ...env } };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(ROOT, program), ...args], options, (_, __, stderr) =>
      resolve({ stderr, status: child.exitCode }),
    );
  });
}
