/** What operators run is read for faults by what knows best: scripts by shellcheck, units by systemd itself. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as limits from "#shared/limits.ts";
import { defaults } from "../../udp-sidecar/config/config.ts";

const ROOT = join(import.meta.dirname, "../..");
const files = readdirSync(join(ROOT, "deploy"), { recursive: true, encoding: "utf8" }).map((one) => `deploy/${one}`);
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
/** On a machine of ours it is only said that something is missing; CI has installed it, or fails. */
const isMissing = (program: string): boolean => !existsSync(program) && process.env["CI"] === undefined;

describe("scripts", () => {
  const scripts = files.filter((file) => file.endsWith(".sh"));

  test.skipIf(isMissing("/usr/bin/shellcheck"))("are good to shellcheck", () => {
    expect(scripts).toHaveLength(2);
    const { stdout, status } = spawnSync("shellcheck", scripts, { cwd: ROOT, encoding: "utf8" });
    expect([status, stdout]).toStrictEqual([0, ""]);
  });

  test.each(scripts)("%s tells who calls it wrongly how it is called", (script) => {
    const { status, stderr } = spawnSync("sh", [join(ROOT, script), "--what"], { encoding: "utf8" });
    expect([status, stderr]).toStrictEqual([2, expect.stringContaining("sudo ./")]);
  });

  test("what was installed is taken away again, settings only when that is said", () => {
    const root = mkdtempSync(join(tmpdir(), "parley-root-"));
    try {
      const run = (script: string, ...args: string[]): unknown =>
        execFileSync("sh", [join(ROOT, "deploy/sidecar", script), "--root", root, ...args], { encoding: "utf8" });
      const left = (): string[] =>
        readdirSync(root, { recursive: true, withFileTypes: true, encoding: "utf8" })
          .filter((entry) => entry.isFile())
          .map(({ name }) => name);
      // The package's folder brings the example of the settings; here it is laid beside the script.
      const from = mkdtempSync(join(tmpdir(), "parley-package-"));
      execFileSync("cp", ["-R", `${ROOT}/deploy/sidecar/.`, `${ROOT}/.env.example`, from]);
      execFileSync("sh", [join(from, "install.sh"), "--root", root, "--node", process.execPath]);
      rmSync(from, { recursive: true });
      expect(left()).toEqual(expect.arrayContaining(["sidecar.env", "parley-sidecar.service", "60-parley.conf"]));
      run("uninstall.sh");
      expect(left()).toStrictEqual(["sidecar.env"]);
      run("uninstall.sh", "--purge");
      expect(left()).toStrictEqual([]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

describe.skipIf(isMissing("/usr/bin/systemd-analyze"))("units", () => {
  const units = files.filter((file) => file.endsWith(".service"));
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "parley-units-"));
    for (const unit of units) {
      writeFileSync(
        join(folder, unit.split("/").at(-1)!),
        read(unit).replace("=/usr/bin/node ", `=${process.execPath} `),
      );
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(["parley-sidecar.service", "parley-hub.service"])("%s is good to systemd", (unit) => {
    expect(units).toHaveLength(2);
    const verify = spawnSync("systemd-analyze", ["verify", "--man=no", join(folder, unit)], { encoding: "utf8" });
    expect([verify.status, verify.stderr]).toStrictEqual([0, ""]);
    // 0 is a service that may do nothing at all, 100 one that may do everything.
    const security = ["security", "--offline=yes", "--threshold=35", "--no-pager", join(folder, unit)];
    expect(spawnSync("systemd-analyze", security, { encoding: "utf8" }).status).toBe(0);
  });
});

test("the kernel is asked for as much buffer as the sidecar asks for", () => {
  const asked = /^net\.core\.rmem_max = ([0-9]+)$/m.exec(read("deploy/sidecar/60-parley.conf"))?.[1];
  expect(Number(asked)).toBe(limits.RECEIVE_BUFFER_BYTES);
});

test("the secrets that the Worker must have are those of the example, and each is said once", () => {
  const required = /^required = \[(.+)\]$/m.exec(read("wrangler.toml"))![1]!.replaceAll(/["\s]/g, "").split(",");
  const shown = Array.from(read(".dev.vars.example").matchAll(/^([A-Z_]+)=/gm), ([, name]) => name!);
  expect(shown).toStrictEqual([...required, "ADMIN_KEYS"]);
});

test("the container listens where its health is asked", () => {
  expect(read("deploy/sidecar/Dockerfile")).toContain(`http://${defaults().get("PARLEY_STATUS")!}/healthz`);
});
