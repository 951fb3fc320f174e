/**
 * A deployment as an operator has it. On one machine the packaged sidecar runs, installed by its script and started by its
 * unit's command line as nobody, with a hub behind TLS; the doctor runs on another machine. Each test breaks one thing,
 * which the doctor must name.
 */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { appendFileSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { packageSidecar } from "../../tools/package.ts";
import { type Host, Lab } from "../lab/lab.ts";
import type { Program } from "../lab/program.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { FakeClock, hasFakeClock } from "../support/fake-clock.ts";
import { eventually } from "../support/test-stack.ts";
import { makeCertificates } from "../support/certificates.ts";

const DOCTOR = resolve(import.meta.dirname, "../../tools/doctor/main.ts");
const SIDECAR = resolve(import.meta.dirname, "../../udp-sidecar/main.ts");
const KEY = "key-of-the-stack";
/** Bind mounts and the change of user need root. */
const isRoot = process.getuid?.() === 0;

type Told = { readonly code: number; readonly out: string };

let folder: string;
let root: string;
let lab: Lab;
let [vps, player]: Host[] = [];
let hub: Program;
let unit: Program;

describe.skipIf(isLabMissing() || !isRoot)("the doctor", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "parley-vps-"));
    root = join(folder, "root");
    await chmod(folder, 0o755);
    lab = await Lab.open();
    [vps, player] = [await lab.host(), await lab.host()];
    await install();
    makeCertificates(join(folder, "tls"), vps.address);
    await cp(inject("bundle"), join(folder, "bundle"), { recursive: true });
    await mkdir(join(folder, "rows"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", join(folder, "rows")]);
    const args = [join(folder, "bundle"), join(folder, "rows"), vps.address, KEY, join(folder, "tls")];
    hub = await vps.run("hub.ts", args);
    await startUnit();
  });
  afterEach(() => run(vps!, "nft", ["flush ruleset"]));
  afterAll(async () => {
    await lab?.close();
    spawnSync("umount", ["-l", join(folder, "rows")]);
    await rm(folder, { recursive: true, force: true });
  });

  test("finds no fault in a deployment that the script installed", async () => {
    const { code, out } = await doctor();
    expect([code, out]).toStrictEqual([0, expect.stringContaining("No faults found.")]);
    const looked = ["certificate: valid", "clock: within", "key: the hub accepts it", "link: ", "WebSocket: "];
    const spoken = ["native at UDP 3478: a ticket", "rabid at UDP 57775: two", "dowsett at UDP 5160: the list"];
    const more = ["registrar at UDP 8809: it has seen both", "relay: UDP", "DTLS at UDP 3478", "NAT here: none"];
    const met = [
      "introduction: two players of this machine met in a lobby, direct",
      "relays at 20.0.0.10: 12 of its ports",
    ];
    const carried = ["relay by tunnel: ws://20.0.0.10:8891/ carries", "DTLS session at UDP 3478: the pinned"];
    for (const words of [...looked, ...spoken, ...more, ...met, ...carried])
      expect(out).toMatch(new RegExp(`^ok .*${words}`, "m"));
  });

  test("names a wrong key", async () => {
    await restartWith({ PARLEY_KEY: "another-key" });
    expect(unit.lines).not.toContainEqual({ hub: "linked" });
    const { code, out } = await doctor({ key: "another-key" });
    expect(code).toBe(1);
    expect(out).toContain("FAULT  key: the hub refuses it");
    expect(out).toContain("FAULT  link: no sidecar at 20.0.0.10 is linked");
    await restartWith({ PARLEY_KEY: KEY });
    await unit.waitForLine(({ hub: said }) => said === "linked");
  });

  test("names closed ports and no open one", async () => {
    await rules("hook input priority 0", "udp dport 57775 drop", "tcp dport 8890 drop");
    const { code, out } = await doctor();
    expect(code).toBe(1);
    expect(faults(out)).toStrictEqual(["UDP 57775", "DTLS at UDP 57775", "noray at TCP 8890"].toSorted());
  });

  test("names half a relay range that is closed, a wrong tunnel URL and an address that does not answer", async () => {
    await restartWith({ PARLEY_ADDRESSES: "20.0.0.10,20.0.0.98,2a00::10", PARLEY_TUNNEL_URL: "ws://20.0.0.10:8892/" });
    await rules("hook input priority 0", "udp dport 50176-51200 drop");
    const { code, out } = await doctor();
    const named = ["relays at 20.0.0.10", "tunnel", "address 20.0.0.98"];
    expect([code, faults(out)]).toStrictEqual([1, expect.arrayContaining(named)]);
    expect(out).toMatch(/relays at 20.0.0.10: [0-9]+ of 12 tested ports do not answer: UDP 5[01][0-9]{3}/);
    expect(out).toContain("next: open the whole range of PARLEY_RELAY_PORTS");
    expect(out).toContain("note   address 2a00::10: not checked, because this machine has no IPv6");
    await restartWith({ PARLEY_ADDRESSES: vps!.address, PARLEY_TUNNEL_URL: "" });
  });

  test("names a proxy without WebSockets, a full disk, and a second sidecar of the same name", async () => {
    const settings = { PARLEY_HUB: `https://${vps!.address}`, PARLEY_KEY: KEY, PARLEY_ADDRESSES: player!.address };
    const env = { ...settings, NODE_EXTRA_CA_CERTS: join(folder, "tls/ca.crt"), PARLEY_STATUS: "off" };
    const twin = await player!.run("exec.ts", [JSON.stringify(env), process.execPath, SIDECAR]);
    fill(join(folder, "rows"));
    const { code, out } = await doctor({ port: 446, sidecar: player!.address });
    await rm(join(folder, "rows", "filler"));
    await twin.end();
    expect([code, faults(out)]).toStrictEqual([1, expect.arrayContaining(["WebSocket", "link"])]);
    expect(out).toContain("next: let the proxy forward `Upgrade: websocket`");
    expect(out).toMatch(/link: no sidecar at 20.0.0.11 is linked to the hub\n.*another machine has its PARLEY_NAME/);
    expect(out).toMatch(/^FAULT +(hub's storage|introduction): .*the hub's storage does not accept writes now/m);
  });

  test("names a dead hub", async () => {
    hub.send({ hub: false });
    await hub.waitForLine(({ hub: said }) => said === false);
    const { code, out } = await doctor();
    expect([code, faults(out)]).toStrictEqual([1, ["hub"]]);
    expect(out).toContain("nothing answers at https://20.0.0.10");
    const from = unit.lines.length;
    hub.send({ hub: true });
    await hub.waitForLine(({ hub: said }) => said === true);
    await unit.waitForLine(({ hub: said }) => said === "linked", { from: Math.max(0, from - 1) });
  });

  describe("names a NAT in front of the sidecar that", () => {
    test("renumbers its ports", async () => {
      await rules("hook output priority -300", "udp sport 57775 notrack udp sport set 40000");
      const told = await doctor();
      expect([told.code, faults(told.out)]).toStrictEqual([1, expect.arrayContaining(["UDP 57775"])]);
      expect(told.out).toContain(
        "20.0.0.10:57775 was asked and 20.0.0.10:40000 responded: a NAT in front of the sidecar",
      );
    });

    test("hides the addresses of peers", async () => {
      await rules("hook input priority 100", "ip protocol udp snat to 10.9.9.9");
      const { code, out } = await doctor();
      expect([code, faults(out)]).toStrictEqual([1, expect.arrayContaining(["NAT in front of the sidecar"])]);
      expect(out).toContain("it sees this machine as 10.9.9.9");
    });

    test("or an address that the sidecar does not answer from", async () => {
      await run(vps!, "ip", ["addr", "add", "20.0.0.99/32", "dev", "eth0"]);
      const { code, out } = await doctor({ sidecar: "20.0.0.99" });
      expect(code).toBe(1);
      expect(out).toContain("20.0.0.99:3478 was asked and 20.0.0.10:3478 responded: another address");
      await run(vps!, "ip", ["addr", "del", "20.0.0.99/32", "dev", "eth0"]);
    });
  });

  test("names a clock that is off by ten minutes", async () => {
    const { code, out } = await doctor({ port: 445 });
    expect([code, faults(out)]).toStrictEqual([1, ["clock"]]);
    expect(out).toMatch(/clock: this machine is (599|60[0-5]) s ahead of the hub/);
  });

  test.skipIf(!hasFakeClock)("names a sidecar whose clock is ten minutes fast, until it is right again", async () => {
    const [clock, host] = [await FakeClock.open(), await lab.host()];
    await clock.step(600);
    const settings = { PARLEY_HUB: `https://${vps!.address}`, PARLEY_KEY: KEY, PARLEY_ADDRESSES: host.address };
    const own = { PARLEY_NAME: "fast", PARLEY_STATUS: "off", NODE_EXTRA_CA_CERTS: join(folder, "tls/ca.crt") };
    const env = JSON.stringify({ ...settings, ...own, ...clock.env });
    const fast = await host.run("exec.ts", [env, process.execPath, SIDECAR]);
    const doctorFinds = (wanted: RegExp): Promise<Told> =>
      eventually(
        () => doctor({ sidecar: host.address }),
        ({ out }) => wanted.test(out),
      );
    const { code, out } = await doctorFinds(/clock of the sidecar: it is (599|60[01]) s ahead of the hub's/);
    expect([code, faults(out)]).toStrictEqual([1, ["clock of the sidecar"]]);
    expect(out).toContain("next: turn on NTP on the sidecar's machine: `timedatectl set-ntp true`");
    await clock.step(0);
    const after = await doctorFinds(/^ok +clock of the sidecar: within 30 s of the hub's/m);
    expect([after.code, faults(after.out)]).toStrictEqual([0, []]);
    await fast.end();
    await clock.close();
  });

  test("names a certificate that has expired", async () => {
    const { code, out } = await doctor({ port: 444 });
    expect([code, faults(out)]).toStrictEqual([1, ["certificate"]]);
    expect(out).toContain("it expired on Jan  1 00:00:00 2024 GMT");
  });
});

/** Installs the package twice by its script; the second time is an upgrade, which keeps the settings. */
async function install(): Promise<void> {
  const made = await packageSidecar(join(folder, "package"));
  await mkdir(join(root, "opt/node/bin"), { recursive: true });
  await copyFile(realpathSync(process.execPath), join(root, "opt/node/bin/node"));
  const line = `mount --bind ${root}/opt /opt && ${made}/install.sh --root ${root} --node /opt/node/bin/node`;
  const script = (): Promise<{ stdout: string }> => promisify(execFile)("unshare", ["--mount", "sh", "-ec", line]);
  expect((await script()).stdout).toContain("Next: set PARLEY_HUB, PARLEY_KEY and PARLEY_ADDRESSES");
  await settle({ PARLEY_KEY: KEY, PARLEY_ADDRESSES: vps!.address, PARLEY_DTLS: "on" });
  const before = await readFile(join(root, "etc/parley/sidecar.env"), "utf8");
  expect((await script()).stdout).not.toContain("Next:");
  expect(await readFile(join(root, "etc/parley/sidecar.env"), "utf8")).toBe(before);
  expect((await stat(join(root, "etc/parley/sidecar.env"))).mode & 0o007).toBe(0);
  // What systemd does for StateDirectory.
  await promisify(execFile)("chown", ["65534:65534", join(root, "var/lib/parley")]);
}

async function settle(settings: Readonly<Record<string, string>>): Promise<void> {
  const file = join(root, "etc/parley/sidecar.env");
  let text = await readFile(file, "utf8");
  for (const [name, value] of Object.entries(settings)) {
    text = text.replace(new RegExp(`^${name}=.*$`, "m"), `${name}=${value}`);
  }
  await writeFile(file, text);
}

async function startUnit(): Promise<void> {
  unit = await vps!.run("systemd-unit.ts", [root]);
  await unit.waitForLine(({ hub: said, code }) => said === "linked" || said === "unreachable" || code !== undefined);
  if (unit.lines.some(({ code }) => code !== undefined)) throw new Error(JSON.stringify(unit.lines));
}

async function restartWith(settings: Readonly<Record<string, string>>): Promise<void> {
  await unit.end();
  await settle(settings);
  await startUnit();
}

async function run(host: Host, command: string, args: readonly string[], env = {}): Promise<Told> {
  const program = await host.run("exec.ts", [JSON.stringify(env), command, ...args]);
  const { code, out } = (await program.waitForLine((line) => "code" in line, {
    within_ms: 100_000,
  })) as unknown as Told;
  await program.end();
  return { code, out };
}

/** Rules of the firewall of the sidecar's machine, or of the router in front of it. */
async function rules(hook: string, ...lines: readonly string[]): Promise<void> {
  const kind = lines.some((line) => line.includes("snat")) ? "nat" : "filter";
  const chain = ["chain it {", `type ${kind} ${hook}`, ...lines, "}"];
  expect(await run(vps!, "nft", [["table ip it {", ...chain, "}"].join("\n")])).toMatchObject({ code: 0, out: "" });
}

/** Runs the doctor as a player would, with the certificate authority of the test trusted. */
function doctor({ port = 443, sidecar = vps!.address, key = KEY } = {}): Promise<Told> {
  const env = { NODE_EXTRA_CA_CERTS: join(folder, "tls/ca.crt"), PARLEY_KEY: key };
  const args = ["--hub", `https://${vps!.address}:${port}`, "--sidecar", sidecar];
  return run(player!, process.execPath, [DOCTOR, ...args], env);
}

/** Leaves no byte free in the folder's file system. */
function fill(target: string): void {
  for (let size = 65_536; size > 0; size = Math.floor(size / 2)) {
    try {
      for (;;) appendFileSync(join(target, "filler"), Buffer.alloc(size));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }
}

const faults = (out: string): string[] =>
  Array.from(out.matchAll(/^FAULT +([^:]+):/gm), ([, what]) => what!).toSorted();
