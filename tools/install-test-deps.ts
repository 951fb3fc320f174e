/**
 * Installs from Debian what the tests need besides npm's packages: Chromium for the lobby page, Firefox and coturn for
 * browser games, nft and ip for the NAT
 * laboratory, openssl and a headless Godot 3 as DTLS clients, Godot 4 for the addon, curl for the examples of the docs, git for the deploy
 * page, faketime for steps of the clock, Mono for generated clients, and the linters of shell scripts and systemd units. If a program is missing and cannot be installed, its tests
 * are skipped with a message; in CI they fail.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { installGodot4 } from "./godot4.ts";

const NEEDED: readonly (readonly [program: string, debianPackage: string])[] = [
  [process.env["CHROMIUM"] ?? "/usr/bin/chromium", "chromium"],
  [process.env["FIREFOX"] ?? "/usr/bin/firefox-esr", "firefox-esr"],
  ["/usr/sbin/nft", "nftables"],
  ["/usr/sbin/ip", "iproute2"],
  ["/usr/bin/openssl", "openssl"],
  ["/usr/bin/shellcheck", "shellcheck"],
  ["/usr/bin/systemd-analyze", "systemd"],
  ["/usr/bin/godot3-server", "godot3-server"],
  ["/usr/bin/curl", "curl"],
  ["/usr/bin/git", "git"],
  ["/usr/bin/faketime", "faketime"],
  ["/usr/bin/mcs", "mono-mcs"],
  ["/usr/bin/mono", "mono-devel"],
  ["/usr/bin/turnserver", "coturn"],
];

const missing = NEEDED.filter(([program]) => !existsSync(program)).map(([, debianPackage]) => debianPackage);
if (missing.length > 0) {
  const canInstall = existsSync("/usr/bin/apt-get") && process.getuid?.() === 0;
  if (canInstall) install(missing);
  else
    process.stderr.write(
      `Not installed: ${missing.join(", ")}. Their tests are skipped. To run them, install these Debian packages.\n`,
    );
}

if (existsSync("/usr/bin/apt-get") && process.arch === "x64") {
  await installGodot4().catch((error: unknown) => {
    process.stderr.write(`Godot 4 is not installed, its tests are skipped: ${String(error)}\n`);
  });
}

/** Retries, because mirrors fail and a freshly started machine may still hold the lock of apt. */
function install(packages: readonly string[], tries = 3): void {
  process.stderr.write(`Installing for the tests, from Debian: ${packages.join(", ")}.\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const stdio: ("ignore" | "inherit")[] = ["ignore", "ignore", "inherit"];
  const apt = (...args: readonly string[]): void => {
    const options = ["-qq", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120"];
    execFileSync("apt-get", [...options, ...args], { env, stdio });
  };
  try {
    apt("update");
    apt("install", "-y", "--no-install-recommends", ...packages);
    process.stderr.write("Installed.\n");
  } catch (error) {
    process.stderr.write(`The installation failed: ${String(error)}\n`);
    if (tries > 1) install(packages, tries - 1);
  }
}
