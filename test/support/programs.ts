/**
 * Real clients of DTLS that a machine may have: `openssl`, and Godot 3 without a screen. `npm test` installs both from
 * Debian where it can. Where one is missing its tests say so and are skipped; in CI they run, and then they fail.
 */
import { existsSync } from "node:fs";

const OPENSSL = "/usr/bin/openssl";
const GODOT3 = "/usr/bin/godot3-server";

export const hasOpenssl = found(OPENSSL, "openssl");
export const hasGodot3 = found(GODOT3, "godot3-server");
export const godot3 = GODOT3;

function found(program: string, debianPackage: string): boolean {
  if (existsSync(program) || process.env["CI"] === "true") return true;
  process.stderr.write(`${debianPackage} is not installed here: tests that need ${program} are skipped.\n`);
  return false;
}
