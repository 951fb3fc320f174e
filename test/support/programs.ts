/**
 * Programs of this machine: `openssl` and headless Godot 3 as DTLS clients, Mono for generated clients. `npm test` installs them from Debian if it can. If one
 * is missing, its tests are skipped with a message; in CI they run and fail.
 */
import { existsSync } from "node:fs";

const OPENSSL = "/usr/bin/openssl";
const GODOT3 = "/usr/bin/godot3-server";

export const hasOpenssl = found(OPENSSL, "openssl");
export const hasGodot3 = found(GODOT3, "godot3-server");
export const hasMono = found("/usr/bin/mono", "mono-devel") && found("/usr/bin/mcs", "mono-mcs");
export const godot3 = GODOT3;

function found(program: string, debianPackage: string): boolean {
  if (existsSync(program) || process.env["CI"] === "true") return true;
  process.stderr.write(`${debianPackage} is not installed here: tests that need ${program} are skipped.\n`);
  return false;
}
