/** DTLS and clear text at a real sidecar: ports, endpoint claims, certificate changes, and systems without DTLS. */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../tools/run/ports.ts";
import { createIfMissing } from "../../udp-sidecar/sockets/dtls/certificate.ts";
import { seeded } from "../support/dice.ts";
import { DtlsPlayer } from "../support/dtls-player.ts";
import { eventually, TestStack } from "../support/test-stack.ts";
import { NetfoxNoray } from "../support/netfox.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-dtls-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a sidecar with DTLS", () => {
  let stack: TestStack;
  const players: DtlsPlayer[] = [];
  const player = async (sidecar = "one"): Promise<DtlsPlayer> => {
    const one = await DtlsPlayer.open(stack.udpPort(sidecar));
    players.push(one);
    return one;
  };
  const open = async (more: Record<string, string> = {}): Promise<void> => {
    stack = await TestStack.open({ settings: { PARLEY_DTLS: "on", PARLEY_STATE: folder, ...more } });
  };
  afterEach(async () => {
    await Promise.all(players.splice(0).map((one) => one.close()));
    await stack?.close();
  });

  test("answers over the transport of the request, even when both use one socket", async () => {
    await open();
    const alice = await player();
    const clear = (wanted: string): Promise<unknown> =>
      eventually(
        () => Promise.resolve(alice.clear),
        (heard) => heard.includes(wanted),
      );
    await alice.connect();
    expect(await alice.request("h:Sealed:Alice:4", /^i:/)).toBe("i:Alice");
    alice.sendClear("h:Clear:Eve:4");
    await clear("i:Eve");
    const bob = await player();
    bob.sendClear("c:Sealed:Bob");
    expect(await alice.waitFor(/^i:Alice:Bob/)).toBe("i:Alice:Bob");
    // A clear-text datagram cannot act for a peer with a DTLS session.
    bob.sendClear("p:Sealed:Alice");
    alice.sendClear("s:Sealed:Alice");
    alice.sendClear("p:Clear:Eve");
    await clear("i:Eve");
    expect(await alice.request("p:Sealed:Alice", /^i:/)).toBe("i:Alice:Bob");
    expect([new Set(alice.clear), alice.received.some((line) => line.includes("Eve"))]).toStrictEqual([
      new Set(["i:Eve"]),
      false,
    ]);
  });

  test("never sends clear text to a DTLS member, not even after a restart, and continues when the member reconnects", async () => {
    await open();
    const [alice, bob] = [await player(), await player()];
    await alice.connect();
    await alice.request("h:Sealed:Alice:4", /^i:/);
    alice.sendRepeatedly("p:Sealed:Alice");
    await stack.killSidecar();
    await stack.restartSidecar();
    await bob.connect();
    await bob.request("c:Sealed:Bob", /^i:Alice:Bob/);
    await eventually(
      () => stack.metric('parley_dtls_dropped_total{reason="unsaid"}'),
      (count) => count > 0,
    );
    expect(alice.clear).toStrictEqual([]);
    await alice.connect();
    expect(await alice.request("p:Sealed:Alice", /^i:/)).toBe("i:Alice:Bob");
  });

  test("sends an announcement to Rabid members under DTLS and to noray connections, and to nobody in clear text", async () => {
    const tcp = await freePort("tcp");
    const settings = { PARLEY_DTLS: "on", PARLEY_STATE: folder, PARLEY_PORTS: "PORT=rabid+noray" };
    stack = await TestStack.open({
      settings: { ...settings, PARLEY_NORAY: String(tcp) },
      hub: { ADMIN_KEYS: "key-of-the-operators" },
    });
    const [alice, bob, eve] = [await player(), await player(), await player()];
    const noray = await NetfoxNoray.connectToHost("127.0.0.1", tcp);
    await noray.registerHost();
    await Promise.all([alice.connect(), bob.connect()]);
    await alice.request("h:Sealed:Alice:4", /^i:/);
    await bob.request("c:Sealed:Bob", /^i:Alice:Bob/);
    const answers = (count: number): Promise<unknown> =>
      eventually(
        () => Promise.resolve(eve.clear.length),
        (received) => received >= count,
      );
    eve.sendClear("h:Clear:Eve:4");
    await answers(1);
    const text = "Restart at 20:00 \u{1F527}";
    const response = await fetch(`${stack.url}/v1/admin/games/default/announcements`, {
      method: "POST",
      headers: { authorization: "Bearer key-of-the-operators", "content-type": "application/json" },
      body: JSON.stringify({ text }),
    });
    expect(await response.json()).toMatchObject({ subscriber_count: 0, sidecar_count: 1 });
    for (const one of [alice, bob]) expect(await one.waitFor(/^parley-/)).toBe(`parley-announcement ${text}`);
    await eventually(
      () => Promise.resolve(noray.commands.at(-1)),
      (last) => last?.[0] === "announcement" && last[1] === text.replaceAll(" ", "\u00A0"),
    );
    eve.sendClear("p:Clear:Eve");
    await answers(2);
    expect(new Set(eve.clear)).toStrictEqual(new Set(["i:Eve"]));
    noray.close();
  });

  test("that requires DTLS ignores clear text and answers DTLS", async () => {
    await open({ PARLEY_DTLS: "required" });
    const alice = await player();
    alice.sendClear("h:Clear:Alice:4");
    await eventually(
      () => stack.metric('parley_dropped_total{reason="in_clear"}'),
      (count) => count === 1,
    );
    await alice.connect();
    expect(await alice.request("h:Sealed:Alice:4", /^i:/)).toBe("i:Alice");
    expect([(await stack.lobbies()).map(({ name }) => name), alice.clear]).toStrictEqual([["Sealed"], []]);
  });

  test.each(["on", "required"])("advertises a claimed endpoint when DTLS is %s", async (dtls) => {
    await open({ PARLEY_DTLS: dtls });
    const [control, game, bob] = [await player(), await player(), await player()];
    await control.connect();
    const claim = await control.request("parley-endpoint?", /^parley-endpoint/);
    const again = setInterval(() => game.sendClear(claim), 100);
    const confirmed = await control.waitFor(/:/).finally(() => clearInterval(again));
    expect(confirmed).toBe(`${claim} 127.0.0.1:${game.port}`);
    await control.request("h:Sealed:Alice:4", /^i:Alice/);
    await bob.connect();
    await bob.request("c:Sealed:Bob", /^i:Alice:Bob/);
    await control.request("s:Sealed:Alice", /^s:/);
    expect(await bob.waitFor(/^s:/)).toBe(`s:${bob.port}:Alice:127.0.0.1:${game.port}`);
    expect(game.clear).toStrictEqual([]);
  });

  test("survives malformed DTLS records and keeps its sessions", async () => {
    await open();
    const alice = await player();
    await alice.connect();
    await alice.request("h:Sealed:Alice:4", /^i:/);
    const dice = seeded(22);
    for (let n = 0; n < 2_000; n++) {
      const bytes = Buffer.from(Array.from({ length: 1 + Math.floor(dice() * 300) }, () => Math.floor(dice() * 256)));
      Buffer.of(20 + (n % 4), 0xfe, 0xfd, 0, n % 2).copy(bytes);
      if (n % 3 === 0 && bytes.length > 13) bytes.writeUInt16BE(bytes.length - 13, 11);
      alice.sendClear(bytes);
      if (n % 100 === 0) await alice.request("p:Sealed:Alice", /^i:/);
    }
    expect(await alice.request("p:Sealed:Alice", /^i:/)).toBe("i:Alice");
    expect(await stack.metric('parley_socket_errors_total{kind="fault"}')).toBe(0);
    expect(await stack.metric("parley_dtls_sessions")).toBe(1);
    expect(await stack.metric('parley_dtls_dropped_total{reason="malformed"}')).toBeGreaterThan(100);
  });

  test("registers noray hosts over DTLS and advertises the endpoint of the session", async () => {
    const tcp = await freePort("tcp");
    await open({ PARLEY_PORTS: "PORT=noray", PARLEY_NORAY: String(tcp), PARLEY_NORAY_LOOKUP_RATE: "1000/1000" });
    const registers = async (): Promise<[NetfoxNoray, DtlsPlayer]> => {
      const [noray, one] = [await NetfoxNoray.connectToHost("127.0.0.1", tcp), await player()];
      await noray.registerHost();
      await one.connect();
      expect(await one.request(noray.pid, /./)).toBe("OK");
      return [noray, one];
    };
    const [[alice, there], [bob, here]] = [await registers(), await registers()];
    bob.connectNat(alice.oid);
    for (const [noray, other] of [
      [alice, here],
      [bob, there],
    ] as const) {
      const line = await eventually(
        () => Promise.resolve(noray.commands.at(-1)),
        (last) => last?.[0] === "connect",
      );
      expect(line).toStrictEqual(["connect", `127.0.0.1:${other.port}`]);
      noray.close();
    }
  });

  test("reloads its certificate on SIGHUP, reports it to the hub and keeps its sessions", async () => {
    const [cert, key] = [join(folder, "live.crt"), join(folder, "live.key")];
    createIfMissing(cert, key);
    await open({ PARLEY_DTLS_CERT: cert, PARLEY_DTLS_KEY: key });
    const told = async (): Promise<string> => {
      const response = await fetch(`${stack.url}/v1/games/default/sidecars`);
      const { sidecars } = (await response.json()) as { sidecars: { dtls?: { pem: string } }[] };
      return sidecars[0]?.dtls?.pem ?? "";
    };
    const becomes = (pem: string): Promise<unknown> => eventually(told, (now) => now === pem);
    await becomes(readFileSync(cert, "utf8"));
    const alice = await player();
    await alice.connect();
    await alice.request("h:Sealed:Alice:4", /^i:/);

    createIfMissing(join(folder, "next.crt"), join(folder, "next.key"));
    copyFileSync(join(folder, "next.key"), key);
    stack.signalSidecar("SIGHUP");
    // The key belongs to another certificate, so the old pair stays in use.
    const bob = await player();
    await bob.connect();
    copyFileSync(join(folder, "next.crt"), cert);
    stack.signalSidecar("SIGHUP");
    await becomes(readFileSync(join(folder, "next.crt"), "utf8"));
    expect(await alice.request("p:Sealed:Alice", /^i:/)).toBe("i:Alice");
    const carol = await player();
    await carol.connect();
    expect(await carol.request("c:Sealed:Carol", /^i:/)).toBe("i:Alice:Carol");
    expect(await stack.metric('parley_links_total{change="down"}')).toBe(0);
  });
});

describe("a sidecar that cannot load DTLS", () => {
  /** Runs it until it exits or listens; resolves with its exit code and output. */
  const run = async (
    env: Record<string, string>,
    ...before: string[]
  ): Promise<{ code: number | null; said: string }> => {
    const settings = {
      PARLEY_KEY: "x",
      PARLEY_LISTEN: "127.0.0.1",
      PARLEY_STATUS: "off",
      PARLEY_TUNNEL: "off",
      PARLEY_NOHUB: "off",
      PARLEY_NORAY: "off",
      PARLEY_STATE: join(folder, "none"),
      ...env,
    };
    const all = { PATH: process.env["PATH"], PARLEY_PORTS: String(await freePort("udp")), ...settings };
    const args = [...before, join(import.meta.dirname, "../../udp-sidecar/main.ts")];
    return new Promise((done) => {
      const child = execFile(process.execPath, args, { env: all }, (error, _, said) =>
        done({ code: error === null ? 0 : (error.code as number), said }),
      );
      child.stderr!.on("data", (text: string) => text.includes('"listening"') && child.kill());
    });
  };
  /** Like a system for which koffi has no build. */
  const WITHOUT_KOFFI = `data:text/javascript,${encodeURIComponent(`
    import { registerHooks } from "node:module";
    registerHooks({ resolve(name, context, next) { if (name === "koffi") throw new Error("gone"); return next(name, context); } });
  `)}`;

  test("logs one line and runs without DTLS when DTLS is optional", async () => {
    const { code, said } = await run({ PARLEY_DTLS: "on" }, "--import", WITHOUT_KOFFI);
    expect(code).toBe(0);
    expect(said).toContain("the optional package koffi is not installed, or has no build for this system");
    expect(said).toContain('"running without DTLS"');
  });

  test("exits with one line when DTLS is required", async () => {
    const { code, said } = await run({ PARLEY_DTLS: "required" }, "--import", WITHOUT_KOFFI);
    expect([code, said.trim().split("\n").length]).toStrictEqual([1, 1]);
    expect(said).toContain("DTLS is required and not available");
  });

  test.each<[Record<string, string>, string]>([
    [{ PARLEY_DTLS_CERT: "gone.crt", PARLEY_DTLS_KEY: "gone.key" }, "gone.crt: the file does not exist"],
    [{ PARLEY_DTLS_CERT: "gone.crt" }, "PARLEY_DTLS_CERT and PARLEY_DTLS_KEY belong together"],
  ])("ends with one line, where the operator's files are wrong: %j", async (env, says) => {
    const { code, said } = await run({ PARLEY_DTLS: "on", ...env });
    expect([code, said.trim().split("\n").length]).toStrictEqual([1, 1]);
    expect(said).toContain(says);
  });

  test("exits with one line when one of its two files is missing", async () => {
    const state = join(folder, "half");
    mkdirSync(state);
    writeFileSync(join(state, "dtls.key"), "");
    const { code, said } = await run({ PARLEY_DTLS: "on", PARLEY_STATE: state });
    expect([code, said.includes("exists without")]).toStrictEqual([1, true]);
  });

  test("loads no DTLS code when DTLS is off", async () => {
    const { code, said } = await run({ PARLEY_DTLS_CERT: "gone.crt" }, "--import", WITHOUT_KOFFI);
    expect([code, said.includes("DTLS")]).toStrictEqual([0, false]);
  });
});
