/**
 * What the tests need beside npm's packages, from Debian: a Chromium for the page, nft and ip for the laboratory of
 * NATs, openssl and Godot 3 without a screen as clients of DTLS. Where something is missing and cannot be installed, its tests say that they were skipped; in CI they fail.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

const NEEDED: readonly (readonly [program: string, debianPackage: string])[] = [
  [process.env["CHROMIUM"] ?? "/usr/bin/chromium", "chromium"],
  ["/usr/sbin/nft", "nftables"],
  ["/usr/sbin/ip", "iproute2"],
  ["/usr/bin/openssl", "openssl"],
  ["/usr/bin/godot3-server", "godot3-server"],
];

const missing = NEEDED.filter(([program]) => !existsSync(program)).map(([, debianPackage]) => debianPackage);
if (missing.length > 0) {
  const able = existsSync("/usr/bin/apt-get") && process.getuid?.() === 0;
  if (able) install(missing);
  else process.stderr.write(`Not installed here: ${missing.join(", ")}. Their tests will be skipped.\n`);
}

function install(packages: readonly string[]): void {
  process.stderr.write(`Installing for the tests, from Debian: ${packages.join(", ")}.\n`);
  const options = {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "ignore", "inherit"] as ("ignore" | "inherit")[],
  };
  try {
    execFileSync("apt-get", ["update", "-qq"], options);
    execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], options);
  } catch (error) {
    process.stderr.write(`They could not be installed: ${String(error)}\n`);
  }
}
