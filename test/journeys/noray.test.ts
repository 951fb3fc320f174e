/** netfox games through a real hub and real sidecars: registration, introduction, relay, and outages of both. */
import { createSocket } from "node:dgram";
import { createConnection, type Socket } from "node:net";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SIDECAR_GRACE_MS } from "#shared/limits.ts";
import { freePort } from "../../tools/run/ports.ts";
import { eventually, TestStack } from "../support/test-stack.ts";
import { NetfoxPlayer } from "../support/netfox.ts";

/** High limits per source, because all clients share one address. */
const OPEN = { PARLEY_RELAY_PEERS: "any", PARLEY_NORAY_LOOKUP_RATE: "1000/1000" };

let stack: TestStack;
const tcp = new Map<string, number>();
const players: NetfoxPlayer[] = [];

/** A sidecar with noray's ports on free port numbers. */
async function settings(name: string): Promise<Record<string, string>> {
  const port = await freePort("tcp");
  tcp.set(name, port);
  const first = 20_000 + 200 * tcp.size;
  return {
    ...OPEN,
    PARLEY_PORTS: "PORT=noray",
    PARLEY_NORAY: String(port),
    PARLEY_RELAY_PORTS: `${first}-${first + 99}`,
    PARLEY_ADDRESSES: "127.0.0.1",
  };
}

async function player(sidecar = "one"): Promise<NetfoxPlayer> {
  const opened = await NetfoxPlayer.open("127.0.0.1", tcp.get(sidecar), stack.udpPort(sidecar));
  players.push(opened);
  return opened;
}

async function host(sidecar = "one"): Promise<NetfoxPlayer> {
  const hosting = await player(sidecar);
  await hosting.host();
  return hosting;
}

beforeAll(async () => {
  stack = await TestStack.open({ settings: await settings("one") });
  await stack.addSidecar("two", {
    ...(await settings("two")),
    PARLEY_NORAY_CONNECTIONS: "2000/16384",
    PARLEY_NORAY_GREETING: "on",
    PARLEY_NORAY_OID: "words:4",
  });
});
afterEach(() => {
  for (const one of players.splice(0)) one.close();
});
afterAll(() => stack?.close());

describe("netfox's addon", () => {
  test("connects directly: both handshakes succeed, and ENet uses the registered port", async () => {
    const [alice, bob] = [await host(), await player()];
    expect(alice.oid).toMatch(/^[A-Za-z0-9_-]{21}$/);
    expect(await bob.join(alice.oid)).toBe("nat");
    expect(bob.handshakes).toStrictEqual(["nat OK"]);
    expect(alice.noray.commands.at(-1)).toStrictEqual(["connect", `127.0.0.1:${bob.noray.localPort}`]);
  });

  test("connects through the relay", async () => {
    const [alice, bob] = [await host(), await player()];
    expect(await bob.join(alice.oid, { first: "relay" })).toBe("relay");
    expect(bob.handshakes).toStrictEqual(["relay OK"]);
    const ports = [alice, bob].map(({ noray }) => noray.commands.at(-1));
    expect(ports.map((line) => line?.[0])).toStrictEqual(["connect-relay", "connect-relay"]);
    expect(ports[0]?.[1]).not.toBe(ports[1]?.[1]);
    expect(await stack.metric("parley_relay_packets_total")).toBeGreaterThan(0);
    // Its ports are free once both clients left, long before the idle time.
    for (const one of players.splice(0)) one.close();
    await eventually(
      () => stack.metric('parley_relay_ended_total{reason="released"}'),
      (ended) => ended === 1,
    );
  });

  test("connects a host of one sidecar and a client of another, in both directions", async () => {
    const [alice, bob, carol] = [await host("one"), await player("two"), await player("two")];
    expect(await bob.join(alice.oid)).toBe("nat");
    expect(await carol.join(alice.oid, { first: "relay" })).toBe("relay");
    const [command, where] = alice.noray.commands.at(-1)!;
    expect(command).toBe("connect");
    expect(where).toMatch(/^127\.0\.0\.1:20[0-9]{3}$/);
    expect(where).not.toBe(`127.0.0.1:${carol.noray.localPort}`);
  });

  test("reads the greeting of the newest noray and ids of words as commands and ids", async () => {
    const [alice, bob] = [await host("two"), await player("two")];
    expect(alice.noray.commands[0]).toStrictEqual(["hi", '"parley']);
    expect(alice.oid).toMatch(/^([A-Z][a-z]{3}){4}$/);
    expect(await bob.join(alice.oid)).toBe("nat");
  });

  test("continues after an error", async () => {
    const [alice, bob] = [await host(), await player()];
    bob.noray.connectNat("no-such-host");
    const told = () => Promise.resolve(bob.noray.commands.at(-1));
    expect(await eventually(told, (line) => line?.[0] === "error")).toStrictEqual(["error", "unknown-oid"]);
    expect(await bob.join(alice.oid)).toBe("nat");
  });
});

describe("a host that publishes itself", () => {
  const publish = ({ noray }: NetfoxPlayer, pid = noray.pid) =>
    fetch(`${stack.url}/v1/games/default/lobbies`, {
      method: "POST",
      headers: { authorization: `Noray ${noray.oid}:${pid}`, "content-type": "application/json" },
      body: JSON.stringify({
        name: "Forest brawl",
        seats: 8,
        data: { map: "forest" },
        data_rules: { map: { index: true } },
      }),
    });
  const listed = async () => (await stack.lobbies()).filter(({ wire }) => wire === "noray");

  test("is listed with its join instructions until its connection ends", async () => {
    const [alice, bob] = [await host(), await player("two")];
    expect((await publish(alice, bob.noray.pid)).status).toBe(401);
    expect(await listed()).toStrictEqual([]);
    expect((await publish(alice)).status).toBe(201);
    const [line] = await listed();
    expect(line).toMatchObject({ name: "Forest brawl", member_count: 1, seats: 8, data: { map: "forest" } });
    const [, oid] = /^noray:\/\/127\.0\.0\.1:[0-9]+\/(.+)$/.exec(line!.join.uri!)!;
    expect(await bob.join(oid!)).toBe("nat");
    alice.close();
    expect(await eventually(listed, (lines) => lines.length === 0)).toStrictEqual([]);
  });

  test("leaves the list when its sidecar dies, before the grace period ends", async () => {
    const alice = await host("two");
    expect((await publish(alice)).status).toBe(201);
    expect(await listed()).toHaveLength(1);
    await stack.killSidecar("two");
    const began = performance.now();
    await eventually(listed, (lines) => lines.length === 0);
    expect(performance.now() - began).toBeLessThan(SIDECAR_GRACE_MS);
    await stack.restartSidecar("two");
    expect(await listed()).toStrictEqual([]);
  });
});

describe("an outage of", () => {
  test("the hub: hosts are still answered, and a lookup is answered when the hub is back", async () => {
    const [alice, bob] = [await host(), await player()];
    await stack.killHub();
    const joined = bob.join(alice.oid);
    await stack.startHub();
    expect(await joined).toBe("nat");
  });

  test("the sidecar: its hosts are removed, and the next process serves new ones", async () => {
    const [alice, bob] = [await host("two"), await player("one")];
    await stack.killSidecar("two");
    await stack.restartSidecar("two");
    bob.noray.connectNat(alice.oid);
    const told = () => Promise.resolve(bob.noray.commands.at(-1));
    expect(await eventually(told, (line) => line?.[0] === "error")).toStrictEqual(["error", "unknown-oid"]);
    const carol = await host("two");
    expect(await bob.join(carol.oid)).toBe("nat");
  });

  test("a stopping sidecar: it notifies relayed clients and exits at once", async () => {
    const [alice, bob] = [await host("two"), await player("two")];
    expect(await bob.join(alice.oid, { first: "relay" })).toBe("relay");
    expect(await stack.drainSidecar("two")).toBe(0);
    for (const { noray } of [alice, bob]) {
      const told = () => Promise.resolve(noray.commands.at(-1));
      expect(await eventually(told, (line) => line?.[0] === "relay-limited")).toStrictEqual([
        "relay-limited",
        "closing",
      ]);
    }
    await stack.restartSidecar("two");
  });
});

/** A connection and all bytes received over it. */
async function line(sidecar = "one"): Promise<{ socket: Socket; heard: () => string; ended: Promise<void> }> {
  let text = "";
  const socket = createConnection({ host: "127.0.0.1", port: tcp.get(sidecar)!, allowHalfOpen: true });
  socket.on("data", (bytes) => (text += bytes.toString("latin1")));
  socket.on("error", () => {});
  const ended = new Promise<void>((done) => socket.once("end", done).once("close", () => done()));
  await once(socket, "connect");
  return { socket, heard: () => text, ended };
}

const until = (heard: () => string, wanted: RegExp) =>
  eventually(
    () => Promise.resolve(heard()),
    (text) => wanted.test(text),
  );

/** What noray's own end-to-end tests do, at a real sidecar. */
describe("noray's five end-to-end tests, and a long conversation", () => {
  const IDS = /set-oid (?<oid>.+)\nset-pid (?<pid>.+)\n$/;
  const open: { destroy(): void }[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) one.destroy();
  });

  /** A client with its ids; its socket has received `OK` from the registrar, and sends nothing else. */
  async function client() {
    const { socket, heard } = await line();
    open.push(socket);
    const register = async (): Promise<{ oid: string; pid: string }> => {
      const from = heard().length;
      socket.write("register-host\n");
      const ids = IDS.exec(await until(() => heard().slice(from), IDS))!.groups!;
      return { oid: ids["oid"]!, pid: ids["pid"]! };
    };
    const { oid, pid } = await register();
    const udp = createSocket("udp4");
    open.push({ destroy: () => udp.close() });
    const arrived: string[] = [];
    udp.on("message", (bytes) => arrived.push(String(bytes)));
    const asking = setInterval(() => udp.send(pid, stack.udpPort(), "127.0.0.1"), 100);
    await eventually(
      () => Promise.resolve(arrived),
      (all) => all.includes("OK"),
    );
    clearInterval(asking);
    return { oid, register, udp, arrived, heard, say: (text: string) => socket.write(`${text}\n`) };
  }

  test("register-host gets an oid and a pid", async () => {
    const { socket, heard } = await line();
    open.push(socket);
    socket.write("register-host\n");
    await until(heard, /^set-oid .+\nset-pid .+\n$/);
  });

  test("connect sends both clients an address", async () => {
    const [alice, bob] = [await client(), await client()];
    bob.say(`connect ${alice.oid}`);
    for (const { heard } of [alice, bob]) await until(heard, /\nconnect 127\.0\.0\.1:\d+\n$/);
  });

  test("registered clients register again over their connections", async () => {
    const [alice, bob] = [await client(), await client()];
    for (const { oid, register } of [alice, bob]) expect((await register()).oid).not.toBe(oid);
  });

  test("connect-relay to the second oid of a client gets a port", async () => {
    const [alice, bob] = [await client(), await client()];
    const { oid } = await alice.register();
    await bob.register();
    bob.say(`connect-relay ${oid}`);
    for (const { heard } of [alice, bob]) await until(heard, /\nconnect-relay \d+\n$/);
  });

  test("the relay forwards a datagram to a client that has sent nothing to it", async () => {
    const [alice, bob] = [await client(), await client()];
    bob.say(`connect-relay ${alice.oid}`);
    const port = /connect-relay (\d+)\n$/.exec(await until(bob.heard, /connect-relay \d+\n$/))![1];
    bob.udp.send("Hello!", Number(port), "127.0.0.1");
    await eventually(
      () => Promise.resolve(alice.arrived),
      (all) => all.includes("Hello!"),
    );
  });

  test("the relay carries 1,000 datagrams each way for a host that only answers what it receives", async () => {
    const [alice, bob] = [await client(), await client()];
    const heardByAlice: string[] = [];
    alice.udp.on("message", (bytes, { address, port }) => {
      heardByAlice.push(String(bytes));
      alice.udp.send(`re ${String(bytes)}`, port, address);
    });
    bob.say(`connect-relay ${alice.oid}`);
    const port = Number(/connect-relay (\d+)\n$/.exec(await until(bob.heard, /connect-relay \d+\n$/))![1]);
    const sent = Array.from({ length: 1_000 }, (_, at) => `datagram ${at}`);
    const from = bob.arrived.length;
    for (const text of sent) {
      const answered = once(bob.udp, "message");
      bob.udp.send(text, port, "127.0.0.1");
      await answered;
    }
    expect(heardByAlice).toStrictEqual(sent);
    expect(bob.arrived.slice(from)).toStrictEqual(sent.map((text) => `re ${text}`));
  });
});

describe("the TCP port", () => {
  const IDS = /^set-oid [A-Za-z0-9_-]{21}\nset-pid [A-Za-z0-9_-]{128}\n$/;

  test.each([
    ["a line that ends with CR and LF", ["register-host\r\n"], 1],
    ["half a line, and the other half", ["regis", "ter-host\n"], 1],
    ["one byte at a time", "register-host\n".split(""), 1],
    ["two commands at once", ["register-host\nregister-host\n"], 2],
    ["empty lines and unknown commands around it", ["\n\nhello\n\r\nregister-host\nbye\n"], 1],
    ["data behind it", ["register-host now\n"], 1],
    ["bytes that are no text before it", ["\u0000\u00ff\u0080\nregister-host\n"], 1],
  ])("%s", async (_, parts, times) => {
    const { socket, heard } = await line();
    socket.setNoDelay(true);
    for (const part of parts) {
      socket.write(part, "latin1");
      await new Promise((done) => setImmediate(done));
    }
    await until(heard, new RegExp(`(set-pid [^\\n]*\\n[^]*){${times}}`));
    const lines = heard().split("\n").slice(0, -1);
    expect(lines.map((one) => one.split(" ")[0])).toStrictEqual(
      Array.from({ length: times }, () => ["set-oid", "set-pid"]).flat(),
    );
    socket.destroy();
  });

  test("sends both ids in one segment", async () => {
    const { socket } = await line();
    const first = once(socket, "data");
    socket.write("register-host\n");
    expect(String((await first)[0])).toMatch(IDS);
    socket.destroy();
  });

  test("handles an unterminated last line as a command, then closes the connection", async () => {
    const { socket, heard, ended } = await line();
    socket.end("register-host");
    await ended;
    expect(heard()).toMatch(IDS);
  });

  test("answers a request that precedes the end of the stream before it closes the connection", async () => {
    const [alice, bob] = [await host(), await player()];
    const { socket, heard, ended } = await line();
    socket.write("register-host\n");
    await until(heard, IDS);
    socket.end(`connect ${alice.oid}\nconnect-relay ${bob.oid}`);
    await ended;
    expect(heard()).toMatch(/error not-registered\nerror not-registered\n$/);
  });

  test("sends nothing unrequested, and does not end a line at a carriage return", async () => {
    const { socket, heard } = await line();
    socket.write("register-host\rregister-host");
    const other = await line();
    other.socket.write("register-host\n");
    await until(other.heard, IDS);
    expect(heard()).toBe("");
    socket.write("\n");
    socket.write("register-host\n");
    await until(heard, IDS);
    for (const one of [socket, other.socket]) one.destroy();
  });

  test("skips a line of 8 MiB and handles the next one", async () => {
    const { socket, heard } = await line();
    const chunk = Buffer.alloc(65_536, "a");
    for (let sent = 0; sent < 8 * 1_048_576; sent += chunk.length) {
      if (!socket.write(chunk)) await once(socket, "drain");
    }
    socket.write("\nregister-host\n");
    await until(heard, IDS);
    expect(await stack.metric('parley_commands_total{command="too_long"}')).toBe(1);
    socket.destroy();
  });

  test("counts 20,000 unknown commands under one label", async () => {
    const { socket, heard } = await line();
    const before = await stack.metric('parley_commands_total{command="unknown"}');
    socket.write(Array.from({ length: 20_000 }, (_, at) => `command-${at} x\n`).join(""));
    socket.write("register-host\n");
    await until(heard, IDS);
    expect(await stack.metric('parley_commands_total{command="unknown"}')).toBe(before + 20_000);
    const names = await stack.metrics();
    expect(names).not.toContain("command-1");
    expect(names.match(/^parley_commands_total\{/gm)!.length).toBeLessThanOrEqual(5);
    socket.destroy();
  });

  test("disconnects a client that never reads, without effect on others", async () => {
    const { socket, ended } = await line();
    socket.pause();
    const before = await stack.metric('parley_connections_total{outcome="unread"}');
    const asking = setInterval(() => socket.write("connect nobody\n".repeat(20_000)), 5);
    await eventually(
      () => stack.metric('parley_connections_total{outcome="unread"}'),
      (count) => count > before,
    );
    clearInterval(asking);
    socket.resume();
    socket.destroy();
    await ended;
    const other = await line();
    other.socket.write("register-host\n");
    await until(other.heard, IDS);
    other.socket.destroy();
  });

  test("leaks nothing when connections are reset in any state", async () => {
    const settled = async () => [await stack.metric("parley_connections"), await stack.metric("parley_noray_hosts")];
    await eventually(settled, ([connections]) => connections === 0);
    for (let round = 0; round < 100; round++) {
      const { socket } = await line();
      socket.write("register-host\nregister-host\nconnect me\nregister-ho");
      if (round % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    expect(await eventually(settled, ([connections]) => connections === 0)).toStrictEqual([0, 0]);
  });

  test("refuses a connection beyond the limit of its source and still serves the others", async () => {
    await eventually(
      () => stack.metric("parley_connections"),
      (count) => count === 0,
    );
    const idle: Socket[] = [];
    for (let at = 0; at < 256; at++) idle.push((await line()).socket);
    const refused = await line();
    await refused.ended;
    const [first] = idle;
    const told = once(first!, "data");
    first!.write("register-host\n");
    expect(String((await told)[0])).toMatch(IDS);
    for (const socket of idle) socket.destroy();
  });

  test("introduces clients beside 1,000 idle connections, 250 of them with a host", async () => {
    const idle = await Promise.all(Array.from({ length: 1_000 }, () => line("two")));
    for (const { socket } of idle.slice(0, 250)) socket.write("register-host\n");
    await Promise.all(idle.slice(0, 250).map(({ heard }) => until(heard, /\nset-pid .+\n$/)));
    // A connection is open for the client before the sidecar has accepted it.
    await eventually(
      () => stack.metric("parley_connections", "two"),
      (count) => count >= 1_000,
    );
    const [alice, bob] = [await host("two"), await player("two")];
    expect(await bob.join(alice.oid)).toBe("nat");
    for (const { socket } of idle) socket.destroy();
    await eventually(
      () => stack.metric("parley_connections", "two"),
      (count) => count === 2,
    );
  });
});
