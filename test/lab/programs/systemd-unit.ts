/**
 * Runs the sidecar's unit as systemd does, within the limits of a laboratory: `systemd-unit.ts ROOT`. It reads the unit and
 * its environment file below ROOT, mounts ROOT/opt and ROOT/var/lib over the machine's own in a mount namespace, and runs
 * the command line as nobody, without capabilities and without new privileges.
 *
 * Prints `{ began: true }`, then `{ hub }` whenever /healthz changes, and `{ code, out }` at the end. On
 * `{ signal }` it sends the signal.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { onLine, sendLine } from "./json-lines.ts";

const NOBODY = "65534";
const LOOK_MS = 50;

const root = process.argv[2]!;
const unit = readFileSync(join(root, "etc/systemd/system/parley-sidecar.service"), "utf8");
const setting = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(unit)?.[1] ?? "";
const assignments = [
  ...setting("Environment").split(" "),
  ...readFileSync(join(root, setting("EnvironmentFile")), "utf8").split("\n"),
].filter((line) => /^[A-Z_]+=/.test(line));

const script = [
  `mount --bind ${root}/opt /opt`,
  `mount --bind ${root}/var/lib /var/lib`,
  `cd ${setting("WorkingDirectory")}`,
  // A container may have a lower limit.
  `ulimit -n ${setting("LimitNOFILE")} 2>/dev/null || true`,
  `exec setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups ` +
    `--no-new-privs --inh-caps=-all --bounding-set=-all -- env -i ${assignments.map((one) => `'${one}'`).join(" ")} ` +
    setting("ExecStart"),
].join("\n");
const child = spawn("unshare", ["--mount", "sh", "-ec", script], { stdio: ["ignore", "pipe", "pipe"] });
let out = "";
for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (out += bytes.toString()));
const over = new Promise<void>((done) => {
  child.once("close", (code) => {
    sendLine({ code, out });
    done();
  });
});

let last = "";
setInterval(() => {
  void fetch("http://127.0.0.1:9464/healthz").then(
    async (response) => {
      const { hub } = (await response.json()) as { hub: string };
      if (hub !== last) sendLine({ hub });
      last = hub;
    },
    () => {},
  );
}, LOOK_MS);
onLine(
  ({ signal }) => void child.kill(signal as NodeJS.Signals),
  async () => {
    child.kill("SIGTERM");
    await over;
  },
);
sendLine({ began: true });
