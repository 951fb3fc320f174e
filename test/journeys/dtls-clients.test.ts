/** Real DTLS clients at a real sidecar: `openssl s_client` and Godot 3's PacketPeerDTLS. */
import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../../tools/run/ports.ts";
import { seeded } from "../support/dice.ts";
import { joining, registering, sign } from "../support/dowsett.ts";
import { Godot, type Step } from "../support/godot.ts";
import { eventually, TestStack } from "../support/test-stack.ts";
import { LossyProxy } from "../support/lossy-proxy.ts";
import { hasGodot3, hasOpenssl } from "../support/programs.ts";

let folder: string;
let cert: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-dtls-"));
  cert = join(folder, "dtls.crt");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = (more: Record<string, string> = {}): Record<string, string> => ({
  PARLEY_DTLS: "on",
  PARLEY_STATE: folder,
  ...more,
});
const countOf = (stack: TestStack, line: string, wanted: number): Promise<number> =>
  eventually(
    () => stack.metric(line),
    (count) => count >= wanted,
  );

describe.skipIf(!hasOpenssl)("openssl s_client", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.open({ settings: settings() });
  });
  afterAll(() => stack?.close());

  const connect = (...args: string[]): string[] => [
    "s_client",
    "-dtls1_2",
    "-connect",
    `127.0.0.1:${stack.udpPort()}`,
    "-verify_return_error",
    "-quiet",
    ...args,
  ];
  /** The output of a refused or refusing client. */
  const failure = (...args: string[]): Promise<string> =>
    new Promise((done) => {
      execFile("openssl", connect(...args), { timeout: 60_000 }, (error, stdout, stderr) =>
        done(error === null ? `no failure: ${stdout}` : stderr),
      ).stdin!.end();
    });

  test("trusts the pinned certificate and its name, and speaks Rabid over DTLS", async () => {
    const client = spawn("openssl", connect("-CAfile", cert, "-verify_hostname", "rendezvous"));
    let out = "";
    client.stdout.on("data", (bytes: Buffer) => (out += bytes.toString()));
    const again = setInterval(() => client.stdin.write("h:Sealed:Alice:4"), 500);
    await eventually(
      () => Promise.resolve(out),
      (text) => text.includes("i:Alice"),
    ).finally(() => clearInterval(again));
    client.kill();
    expect(await stack.metric('parley_dtls_handshakes_total{step="completed"}')).toBe(1);
  });

  test("refuses another name", async () => {
    expect(await failure("-CAfile", cert, "-verify_hostname", "elsewhere")).toMatch(/hostname mismatch/i);
    await countOf(stack, 'parley_dtls_failures_total{reason="alert"}', 1);
  });

  test("refuses a certificate that is not pinned", async () => {
    expect(await failure("-verify_hostname", "rendezvous")).toMatch(/self.signed certificate/);
    await countOf(stack, 'parley_dtls_failures_total{reason="alert"}', 2);
  });

  test("is refused with an older version, or without a cipher with forward secrecy", async () => {
    const old = connect("-CAfile", cert).map((arg) => (arg === "-dtls1_2" ? "-dtls1" : arg));
    const refused = new Promise<boolean>((done) => {
      execFile("openssl", [...old, "-cipher", "ALL:@SECLEVEL=0"], { timeout: 60_000 }, (error) =>
        done(error !== null),
      ).stdin!.end();
    });
    expect(await refused).toBe(true);
    await countOf(stack, 'parley_dtls_failures_total{reason="version"}', 1);
    expect(await failure("-CAfile", cert, "-cipher", "AES128-SHA")).toMatch(/alert handshake failure/);
    await countOf(stack, 'parley_dtls_failures_total{reason="no_shared_cipher"}', 1);
  });
});

describe.skipIf(!hasGodot3)("Godot 3", () => {
  let stack: TestStack;
  const games: Godot[] = [];
  const game = (...speaking: ConstructorParameters<typeof Godot>): Godot => {
    const one = new Godot(...speaking);
    games.push(one);
    return one;
  };
  beforeEach(async () => {
    stack = await TestStack.open({ settings: settings() });
  });
  afterEach(async () => {
    await Promise.all(games.splice(0).map((one) => one.kill()));
    await stack?.close();
  });

  const host = (name: string): Step => ["ask", `h:${name}:Alice:4`, "i:Alice"];

  test("trusts the pinned certificate, joins a Rabid lobby and is introduced by its observed endpoint", async () => {
    const [here, there] = [await freePort("udp"), await freePort("udp")];
    const alice = game({
      port: stack.udpPort(),
      cert,
      local: here,
      steps: [
        ["connect"],
        host("Sealed"),
        ["keep", "p:Sealed:Alice"],
        ["hear", "i:Alice:Bob"],
        ["ask", "s:Sealed:Alice", "s:"],
        ["close"],
      ],
    });
    const bob = game({
      port: stack.udpPort(),
      cert,
      local: there,
      steps: [["connect"], ["ask", "c:Sealed:Bob", "i:Alice:Bob"], ["keep", "p:Sealed:Bob"], ["hear", "s:"], ["close"]],
    });
    await Promise.all([alice.ended, bob.ended]);
    expect(alice.received()).toContain(`s:${here}:Bob:127.0.0.1:${there}`);
    expect(bob.received()).toContain(`s:${there}:Alice:127.0.0.1:${here}`);
    await countOf(stack, 'parley_dtls_endings_total{reason="goodbye"}', 2);
  });

  test("refuses another name and another certificate", async () => {
    const other = join(folder, "other.crt");
    if (hasOpenssl)
      execFileSync(
        "openssl",
        [
          "req",
          "-x509",
          "-newkey",
          "rsa:2048",
          "-nodes",
          "-keyout",
          `${other}.key`,
          "-out",
          other,
          "-subj",
          "/CN=rendezvous",
        ],
        { stdio: "ignore" },
      );
    const steps: Step[] = [["connect"]];
    const named = game({ port: stack.udpPort(), cert, name: "elsewhere", steps });
    const pinned = game({ port: stack.udpPort(), cert: other, steps });
    await Promise.all([named.ended, pinned.ended]);
    for (const { lines } of [named, pinned])
      expect(lines.map((line) => Object.keys(line)[0])).toStrictEqual(["failed", "ended"]);
    await countOf(stack, 'parley_dtls_failures_total{reason="alert"}', 2);
    expect(await stack.metric("parley_dtls_sessions")).toBe(0);
  });

  test("fifty clients at once host fifty lobbies", async () => {
    const steps: Step[] = [["connect"], ["ask", "h:L%i:P%i:2", "i:P"], ["close"]];
    const { lines } = await finished(game({ port: stack.udpPort(), cert, peers: 50, steps }));
    expect(lines.at(-1)).toStrictEqual({ ended: true });
    for (let peer = 0; peer < 50; peer++) {
      expect(lines.find((line) => line["peer"] === peer && "heard" in line)?.["heard"]).toBe(`i:P${peer}`);
    }
    expect(await stack.metric('parley_dtls_handshakes_total{step="completed"}')).toBe(50);
  });

  test("twenty clients at once connect with 10 % loss both ways", async () => {
    const dice = seeded(6);
    const way = await LossyProxy.open(stack.udpPort(), () => dice() < 0.1);
    try {
      const steps: Step[] = [["connect"], ["ask", "h:L%i:P%i:2", "i:P"], ["close"]];
      const { lines } = await finished(game({ port: way.port, cert, peers: 20, persists: true, steps }));
      expect(lines.at(-1)).toStrictEqual({ ended: true });
      expect(new Set(lines.flatMap((line) => ("heard" in line ? [line["peer"]] : []))).size).toBe(20);
      expect(way.lost).toBeGreaterThan(5);
    } finally {
      await way.close();
    }
  });

  test("connects again from the same port, after close_notify and without it", async () => {
    const local = await freePort("udp");
    const speaking = { port: stack.udpPort(), cert, local };
    await finished(game({ ...speaking, steps: [["connect"], host("First"), ["close"]] }));
    await countOf(stack, 'parley_dtls_endings_total{reason="goodbye"}', 1);
    const vanishing = game({ ...speaking, steps: [["connect"], host("Second"), ["hear", "nothing"]] });
    await countOf(stack, 'parley_dtls_handshakes_total{step="completed"}', 2);
    await eventually(
      () => Promise.resolve(vanishing.received().length),
      (count) => count > 0,
    );
    await vanishing.kill();
    expect(await stack.metric("parley_dtls_sessions")).toBe(1);
    await finished(game({ ...speaking, steps: [["connect"], host("Third"), ["close"]] }));
    expect(await stack.metric('parley_dtls_endings_total{reason="replaced"}')).toBe(1);
    await countOf(stack, 'parley_dtls_endings_total{reason="goodbye"}', 2);
    expect(await stack.metric("parley_dtls_sessions")).toBe(0);
  });

  test("that disappears is removed after the idle time", async () => {
    await stack.addSidecar("brief", settings({ PARLEY_DTLS_IDLE_S: "1" }));
    const vanishing = game({
      port: stack.udpPort("brief"),
      cert,
      steps: [["connect"], host("Gone"), ["hear", "nothing"]],
    });
    await eventually(
      () => stack.metric('parley_dtls_handshakes_total{step="completed"}', "brief"),
      (count) => count === 1,
    );
    await vanishing.kill();
    await eventually(
      () => stack.metric('parley_dtls_endings_total{reason="idle"}', "brief"),
      (count) => count === 1,
    );
    expect(await stack.metric("parley_dtls_sessions", "brief")).toBe(0);
  });

  test("receives close_notify when the sidecar stops", async () => {
    const playing = game({
      port: stack.udpPort(),
      cert,
      peers: 3,
      steps: [["connect"], ["ask", "h:L%i:P%i:2", "i:P"], ["gone"]],
    });
    await eventually(
      () => Promise.resolve(playing.lines.filter((line) => "heard" in line).length),
      (count) => count >= 3,
    );
    expect(await stack.drainSidecar()).toBe(0);
    await playing.ended;
    expect(playing.lines.filter((line) => "gone" in line)).toHaveLength(3);
  });

  test("sends clear text through the same socket, and its session continues", async () => {
    const local = await freePort("udp");
    const steps: Step[] = [
      ["connect"],
      host("Sealed"),
      ["plain", "h:Clear:Eve:4"],
      ["ask", "p:Sealed:Alice", "i:Alice"],
      ["close"],
    ];
    await finished(game({ port: stack.udpPort(), cert, local, steps }));
    await eventually(
      () => stack.lobbies(),
      (lobbies) => lobbies.length === 2,
    );
  });

  test("is introduced over Dowsett's wire", async () => {
    await stack.addSidecar("dowsett", settings({ PARLEY_PORTS: "PORT=dowsett" }));
    const [here, there] = [await freePort("udp"), await freePort("udp")];
    const say = (packet: Parameters<typeof sign>[0], password: string): string => sign(packet, password).toString();
    const port = stack.udpPort("dowsett");
    const alice = game({
      port,
      cert,
      local: here,
      steps: [
        ["connect"],
        ["ask", say(registering("Nice"), "aaaaaaaaaa"), "confirming-registration"],
        ["hear", "providing-peer-handshake-info"],
        ["close"],
      ],
    });
    await eventually(
      () => stack.lobbies("wire=dowsett"),
      (lobbies) => lobbies.length === 1,
    );
    const bob = game({
      port,
      cert,
      local: there,
      steps: [
        ["connect"],
        ["ask", say(joining("Nice", "Bob"), "bbbbbbbbbb"), "providing-peer-handshake-info"],
        ["close"],
      ],
    });
    await Promise.all([alice.ended, bob.ended]);
    expect(bob.received().at(-1)).toContain(`["127.0.0.1",${here}]`);
    expect(alice.received().at(-1)).toContain(`["127.0.0.1",${there}]`);
  });

  test.skipIf(!hasOpenssl)("accepts an operator's RSA chain, in fragments on a path with a small MTU", async () => {
    const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "ignore", cwd: folder });
    openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      "ca.key",
      "-out",
      "ca.crt",
      "-subj",
      "/CN=An authority",
      "-days",
      "30",
    );
    openssl(
      "req",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      "leaf.key",
      "-out",
      "leaf.csr",
      "-subj",
      "/CN=eu.example.org",
    );
    openssl(
      "x509",
      "-req",
      "-in",
      "leaf.csr",
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-out",
      "leaf.crt",
      "-days",
      "30",
    );
    writeFileSync(
      join(folder, "chain.crt"),
      readFileSync(join(folder, "leaf.crt"), "utf8") + readFileSync(join(folder, "ca.crt"), "utf8"),
    );
    const files = { PARLEY_DTLS_CERT: join(folder, "chain.crt"), PARLEY_DTLS_KEY: join(folder, "leaf.key") };
    await stack.addSidecar("narrow", settings({ ...files, PARLEY_DTLS_MTU_BYTES: "300" }));
    const way = await LossyProxy.open(stack.udpPort("narrow"), () => false);
    try {
      const trusting = { port: way.port, cert: join(folder, "ca.crt"), name: "eu.example.org" };
      const { lines } = await finished(game({ ...trusting, steps: [["connect"], host("Narrow"), ["close"]] }));
      expect(lines.map((line) => Object.keys(line)[0])).toContain("connected");
      expect(lines.at(-1)).toStrictEqual({ ended: true });
      // Two certificates of more than 700 bytes each, so the chain needs fragments.
      expect(way.lengths.length).toBeGreaterThan(6);
      expect(Math.max(...way.lengths)).toBeLessThanOrEqual(300);
    } finally {
      await way.close();
    }
  });
});

async function finished(one: Godot): Promise<Godot> {
  await one.ended;
  return one;
}
