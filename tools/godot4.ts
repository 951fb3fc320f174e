/**
 * Installs Godot 4 for the tests from Debian's packages: unpacks them into a folder and runs Godot with its own loader, so
 * that nothing else of the machine changes and no root is needed.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseCommandLine } from "./command-line.ts";

const HELP = `
Usage: npx node tools/godot4.ts [FOLDER]

Installs Godot 4 from Debian's packages and prints the path of a \`godot\` to run with --headless.
FOLDER is $GODOT4_HOME or ~/.cache/parley/godot4. Needs amd64, apt-get, dpkg-deb and Debian's keyring.
`;

/** Suites of Debian that have Godot 4.6, in the order in which they are tried. */
const SUITES = ["testing", "sid"];
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const LIBRARIES = ["usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pulseaudio"];
const LOADER = "lib64/ld-linux-x86-64.so.2";
/** An installation that holds the lock for longer has died. */
const LOCK_STALE_MS = 600_000;

export const godot4Home = (): string => process.env["GODOT4_HOME"] ?? join(homedir(), ".cache/parley/godot4");

/** Its path where it is installed and starts, or null. */
export function findGodot4(home = godot4Home()): string | null {
  const godot = join(home, "godot");
  if (!existsSync(godot)) return null;
  try {
    return run(godot, "--headless", "--version").startsWith("4.") ? godot : null;
  } catch {
    return null;
  }
}

/** Installs it unless it is there. Two at once: one waits. */
export async function installGodot4(home = godot4Home()): Promise<string> {
  const lock = `${home}.lock`;
  mkdirSync(dirname(home), { recursive: true });
  for (;;) {
    const found = findGodot4(home);
    if (found !== null) return found;
    if (takeLock(lock)) break;
    await sleep(500);
  }
  const work = mkdtempSync(`${home}.`);
  try {
    chmodSync(work, 0o755);
    unpack(download(work), work, home);
  } finally {
    rmSync(work, { recursive: true, force: true });
    rmSync(lock, { force: true });
  }
  const installed = findGodot4(home);
  if (installed === null) throw new Error(`${home} holds no Godot 4 that starts`);
  return installed;
}

function takeLock(lock: string): boolean {
  try {
    closeSync(openSync(lock, "wx"));
    return true;
  } catch {
    if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > LOCK_STALE_MS) rmSync(lock, { force: true });
    return false;
  }
}

/** Downloads Godot and what it is linked with; returns the packages' files. */
function download(work: string): string[] {
  const mirror =
    process.env["DEBIAN_MIRROR"] ??
    run("apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages")
      .split("\n")
      .find((site) => site.endsWith("/debian"));
  if (mirror === undefined) throw new Error("This machine's apt knows no Debian mirror; set DEBIAN_MIRROR.");
  const apt = join(work, "apt");
  const faults: string[] = [];
  for (const suite of SUITES) {
    rmSync(apt, { recursive: true, force: true });
    for (const folder of ["var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "etc/apt", "var/lib/dpkg"])
      mkdirSync(join(apt, folder), { recursive: true });
    writeFileSync(join(apt, "status"), "");
    writeFileSync(join(apt, "sources.list"), `deb [signed-by=${KEYRING}] ${mirror} ${suite} main\n`);
    const options = [
      `Dir=${apt}`,
      "Dir::Etc::parts=/etc/apt/apt.conf.d",
      `Dir::State::status=${apt}/status`,
      `Dir::Etc::sourcelist=${apt}/sources.list`,
      "Dir::Etc::sourceparts=/dev/null",
      "Dir::Etc::preferencesparts=/dev/null",
      "APT::Architecture=amd64",
      "APT::Architectures=amd64",
      "Acquire::Languages=none",
      "Acquire::Retries=5",
      `APT::Sandbox::User=${run("id", "-un").trim()}`,
    ].flatMap((option) => ["-o", option]);
    process.stderr.write(`Downloading Godot 4 of Debian ${suite}.\n`);
    try {
      run("apt-get", "-qq", ...options, "update");
      run("apt-get", "-qq", ...options, "install", "-y", "--no-install-recommends", "--download-only", "godot");
      const archives = join(apt, "var/cache/apt/archives");
      return readdirSync(archives)
        .filter((name) => name.endsWith(".deb"))
        .map((name) => join(archives, name));
    } catch (error) {
      faults.push(String(error));
    }
  }
  throw new Error(`Godot 4 cannot be downloaded: ${faults.join("; ")}`);
}

/** Keeps the program, its loader and the libraries it is linked with. */
function unpack(packages: readonly string[], work: string, home: string): void {
  const root = join(work, "root");
  for (const folder of ["bin", "sbin", "lib", "lib64"]) {
    mkdirSync(join(root, "usr", folder), { recursive: true });
    // Debian's merged /usr.
    symlinkSync(`usr/${folder}`, join(root, folder));
  }
  for (const file of packages) {
    const tar = `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --no-same-owner --keep-directory-symlink`;
    run("sh", "-c", tar, "sh", file, root);
  }
  const keep = join(work, "keep");
  mkdirSync(join(keep, "lib"), { recursive: true });
  mkdirSync(join(keep, "bin"));
  const search = LIBRARIES.map((folder) => join(root, folder)).join(":");
  const linked = run(join(root, LOADER), "--library-path", search, "--list", join(root, "usr/bin/godot"));
  for (const [, library] of linked.matchAll(/=> (\/\S+)/g))
    copyFileSync(library!, join(keep, "lib", basename(library!)));
  copyFileSync(join(root, LOADER), join(keep, "lib/ld.so"));
  copyFileSync(join(root, "usr/bin/godot"), join(keep, "bin/godot"));
  for (const program of ["lib/ld.so", "bin/godot"]) chmodSync(join(keep, program), 0o755);
  const start = 'here=$(dirname "$(readlink -f "$0")")';
  const godot = `#!/bin/sh\n${start}\nexec "$here/lib/ld.so" --library-path "$here/lib" "$here/bin/godot" "$@"\n`;
  writeFileSync(join(keep, "godot"), godot, { mode: 0o755 });
  rmSync(home, { recursive: true, force: true });
  renameSync(keep, home);
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 64_000_000 });
}

if (import.meta.main) {
  const [folder] = parseCommandLine(HELP, { allowPositionals: true }, ({ positionals }) => positionals);
  process.stdout.write(`${await installGodot4(folder && resolve(folder))}\n`);
}
