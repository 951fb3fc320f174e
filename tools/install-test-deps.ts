/**
 * What the tests need beside npm's packages, from Debian: a Chromium for the page, nft and ip for the laboratory of
 * NATs, openssl and Godot 3 without a screen as clients of DTLS, curl for the examples of the docs, and what reads
 * scripts and units for faults. Where something is missing and cannot be installed, its tests say that they were
 * skipped; in CI they fail.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

const NEEDED: readonly (readonly [program: string, debianPackage: string])[] = [
  [process.env["CHROMIUM"] ?? "/usr/bin/chromium", "chromium"],
  ["/usr/sbin/nft", "nftables"],
  ["/usr/sbin/ip", "iproute2"],
  ["/usr/bin/openssl", "openssl"],
  ["/usr/bin/shellcheck", "shellcheck"],
  ["/usr/bin/systemd-analyze", "systemd"],
  ["/usr/bin/godot3-server", "godot3-server"],
  ["/usr/bin/curl", "curl"],
];

const missing = NEEDED.filter(([program]) => !existsSync(program)).map(([, debianPackage]) => debianPackage);
if (missing.length > 0) {
  const able = existsSync("/usr/bin/apt-get") && process.getuid?.() === 0;
  if (able) install(missing);
  else process.stderr.write(`Not installed here: ${missing.join(", ")}. Their tests will be skipped.\n`);
}

/** Tries again: mirrors fail, and a machine that has just started may still hold apt's lock. */
function install(packages: readonly string[], tries = 3): void {
  process.stderr.write(`Installing for the tests, from Debian: ${packages.join(", ")}.\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const stdio: ("ignore" | "inherit")[] = ["ignore", "ignore", "inherit"];
  const apt = (...args: readonly string[]): void => {
    const patient = ["-qq", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120"];
    execFileSync("apt-get", [...patient, ...args], { env, stdio });
  };
  try {
    apt("update");
    apt("install", "-y", "--no-install-recommends", ...packages);
    process.stderr.write("Installed.\n");
  } catch (error) {
    process.stderr.write(`They could not be installed: ${String(error)}\n`);
    if (tries > 1) install(packages, tries - 1);
  }
}
