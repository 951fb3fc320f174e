/** The files that operators run: scripts pass shellcheck, units pass systemd's own checks, and values match the code. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import * as limits from "#shared/limits.ts";
import { defaults } from "../../udp-sidecar/config/config.ts";

const ROOT = join(import.meta.dirname, "../..");
const files = readdirSync(join(ROOT, "deploy"), { recursive: true, encoding: "utf8" }).map((one) => `deploy/${one}`);
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
/** On a developer's machine a missing program skips its tests; in CI they fail. */
const isMissing = (program: string): boolean => !existsSync(program) && process.env["CI"] === undefined;

describe("scripts", () => {
  const scripts = files.filter((file) => file.endsWith(".sh"));

  test.skipIf(isMissing("/usr/bin/shellcheck"))("pass shellcheck", () => {
    expect(scripts).toHaveLength(2);
    const { stdout, status } = spawnSync("shellcheck", scripts, { cwd: ROOT, encoding: "utf8" });
    expect([status, stdout]).toStrictEqual([0, ""]);
  });

  test.each(scripts)("%s prints its usage for --help, and for an unknown option", (script) => {
    const run = (option: string): unknown[] => {
      const { status, stdout, stderr } = spawnSync("sh", [join(ROOT, script), option], { encoding: "utf8" });
      return [status, stdout, stderr];
    };
    const usage = expect.stringContaining("sudo ./") as string;
    expect(run("--help")).toStrictEqual([0, usage, ""]);
    expect(run("--unknown")).toStrictEqual([2, "", usage]);
  });

  test("uninstall.sh removes what install.sh created, and the settings only with --purge", () => {
    const root = mkdtempSync(join(tmpdir(), "parley-root-"));
    try {
      const run = (script: string, ...args: string[]): unknown =>
        execFileSync("sh", [join(ROOT, "deploy/sidecar", script), "--root", root, ...args], { encoding: "utf8" });
      const installedFiles = (): string[] =>
        readdirSync(root, { recursive: true, withFileTypes: true, encoding: "utf8" })
          .filter((entry) => entry.isFile())
          .map(({ name }) => name);
      // In the package the example settings are beside the script.
      const from = mkdtempSync(join(tmpdir(), "parley-package-"));
      execFileSync("cp", ["-R", `${ROOT}/deploy/sidecar/.`, `${ROOT}/.env.example`, from]);
      execFileSync("sh", [join(from, "install.sh"), "--root", root, "--node", process.execPath]);
      rmSync(from, { recursive: true });
      expect(installedFiles()).toEqual(
        expect.arrayContaining(["sidecar.env", "parley-sidecar.service", "parley-sidecar@.service", "60-parley.conf"]),
      );
      const second = readFileSync(join(root, "etc/systemd/system/parley-sidecar@.service"), "utf8");
      expect(Array.from(second.matchAll(/^.*%i.*$/gm), String)).toStrictEqual([
        "Description=Parley UDP sidecar %i",
        "StateDirectory=parley-sidecar-%i",
        "WorkingDirectory=/var/lib/parley-sidecar-%i",
        "EnvironmentFile=/etc/parley/%i.env",
      ]);
      // A hub on the same machine keeps its settings.
      writeFileSync(join(root, "etc/parley/second.env"), "PARLEY_KEY=a\n");
      writeFileSync(join(root, "etc/parley/hub.env"), "SIDECAR_KEYS=a\n");
      run("uninstall.sh");
      expect(installedFiles().toSorted()).toStrictEqual(["hub.env", "second.env", "sidecar.env"]);
      run("uninstall.sh", "--purge");
      expect(installedFiles()).toStrictEqual(["hub.env"]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

test.skipIf(isMissing("/usr/bin/systemctl") || process.getuid?.() !== 0)(
  "install.sh and uninstall.sh work where systemd is installed and does not run",
  () => {
    expect(existsSync("/run/systemd/system")).toBe(false);
    const folder = mkdtempSync(join(tmpdir(), "parley-package-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const from = join(folder, "package");
    execFileSync("cp", ["-R", `${ROOT}/deploy/sidecar`, from]);
    execFileSync("cp", [`${ROOT}/.env.example`, from]);
    // This machine's users, settings and kernel stay as they are.
    const script = `
      for folder in etc opt var/lib; do
        mkdir -p "$COPY/$folder"
        [ $folder != etc ] || cp -a /etc/. "$COPY/etc/" 2>/dev/null || true
        mount --bind "$COPY/$folder" /$folder
      done
      sysctl() { :; }; export -f sysctl
      bash "$FROM/install.sh" --node "$NODE" && id parley && test -e /etc/systemd/system/parley-sidecar.service
      bash /opt/parley-sidecar/uninstall.sh --purge && ! id parley 2>/dev/null && test ! -e /opt/parley-sidecar`;
    const env = {
      PATH: `${process.env["PATH"]}:/usr/sbin`,
      FROM: from,
      COPY: join(folder, "copy"),
      NODE: process.execPath,
    };
    const output = execFileSync("unshare", ["--mount", "bash", "-ec", script], { encoding: "utf8", env });
    expect(output).toContain("systemd does not run here");
    expect(output).toContain("and start it: setpriv --reuid parley");
    expect(output).toContain("Removed.");
  },
);

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

  test.each(["parley-sidecar.service", "parley-hub.service"])(
    "%s passes systemd-analyze verify and security",
    (unit) => {
      expect(units).toHaveLength(2);
      const verify = spawnSync("systemd-analyze", ["verify", "--man=no", join(folder, unit)], { encoding: "utf8" });
      expect([verify.status, verify.stderr]).toStrictEqual([0, ""]);
      // The exposure is between 0, no permissions, and 100, all permissions.
      const security = ["security", "--offline=yes", "--threshold=18", "--no-pager", join(folder, unit)];
      expect(spawnSync("systemd-analyze", security, { encoding: "utf8" }).status).toBe(0);
    },
  );
});

test("the sysctl file allows the receive buffer that the sidecar requests", () => {
  const allowed = /^net\.core\.rmem_max = ([0-9]+)$/m.exec(read("deploy/sidecar/60-parley.conf"))?.[1];
  expect(Number(allowed)).toBe(limits.RECEIVE_BUFFER_BYTES);
});

test("the example of the secrets lists each secret of the Worker once", () => {
  const required = /^required = \[(.+)\]$/m.exec(read("wrangler.toml"))![1]!.replaceAll(/["\s]/g, "").split(",");
  const listed = Array.from(read(".dev.vars.example").matchAll(/^([A-Z_]+)=/gm), ([, name]) => name!);
  expect(listed).toStrictEqual([...required, "ADMIN_KEYS"]);
});

test("the container's health check requests the address on which the sidecar listens", () => {
  expect(read("deploy/Dockerfile")).toContain(`http://${defaults().get("PARLEY_STATUS")!}/healthz`);
});
