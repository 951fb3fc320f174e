/** The Dowsett client with a real hub and a real sidecar: passwords, lists, meshes, and a sidecar that dies. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { DowsettPeer, type ReliableMessage } from "../../clients/typescript/src/index.ts";
import { freePort } from "../../tools/run/ports.ts";
import { stopProcess, exitCodeOf } from "../../tools/run/processes.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

let stack: TestStack;
const peers: DowsettPeer[] = [];
const programs: ChildProcess[] = [];
beforeAll(async () => {
  stack = await TestStack.open({ settings: { PARLEY_PORTS: "PORT=dowsett" } });
});
afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
  await Promise.all(programs.splice(0).map((child) => stopProcess(child)));
});
afterAll(() => stack?.close());

test("the right password admits a guest, a wrong one does not, and no list shows the password", async () => {
  const host = peerOf();
  await host.initServer({ ...here(), serverName: "Castle", password: "moat" });
  const listed = await eventually(
    () => peerOf().requestServerList(here().handshakeAddress),
    ({ servers }) => servers.length > 0,
  );
  expect(listed.servers).toEqual([{ name: "Castle", passwordIsRequired: true }]);
  expect((await stack.lobbies())[0]).toMatchObject({
    name: "Castle",
    wire: "dowsett",
    has_password: true,
    seats: null,
  });

  const joined = new Promise((done) => void host.on("peerJoined", done));
  const guest = peerOf();
  await guest.initClient({ ...here(), serverName: "Castle", userName: "Bob", password: "moat" });
  expect(await joined).toBe("Bob");
  const burglar = peerOf();
  const refused = burglar.initClient({ ...here(), serverName: "Castle", userName: "Eve", password: "door" });
  await expect(refused).rejects.toThrow();
  expect(host.getPeers()).not.toContain("Eve");
});

test("three peers form a full mesh", async () => {
  const host = peerOf();
  await host.initServer({ ...here(), serverName: "Mesh" });
  const [bob, carol] = [peerOf(), peerOf()];
  await bob.initClient({ ...here(), serverName: "Mesh", userName: "Bob" });
  await carol.initClient({ ...here(), serverName: "Mesh", userName: "Carol" });
  await eventually(
    () => Promise.resolve(bob.getPeers()),
    (names) => names.includes("Carol"),
  );
  const heard = nextMessage(carol);
  await bob.sendReliableMessageToPeer("Carol", { says: "hello" });
  expect(await heard).toMatchObject({ from: "Bob", to: "Carol", message: { says: "hello" } });
});

test("joining an unknown name is refused as by the original", async () => {
  const joining = peerOf().initClient({ ...here(), serverName: "Nowhere", userName: "Bob" });
  await expect(joining).rejects.toThrow("Nowhere not found");
});

test("a game outlives its sidecar, and guests find the host after the restart", async () => {
  const host = peerOf();
  await host.initServer({ ...here(), serverName: "Steady" });
  const guest = peerOf();
  await guest.initClient({ ...here(), serverName: "Steady", userName: "Bob" });
  await stack.killSidecar();
  const heard = nextMessage(host);
  await guest.sendReliableMessageToPeer("Steady", "still here");
  expect(await heard).toMatchObject({ from: "Bob", message: "still here" });

  await stack.restartSidecar();
  const late = peerOf();
  await late.initClient({ ...here(), serverName: "Steady", userName: "Carol" });
  await eventually(
    () => Promise.resolve(host.getPeers()),
    (names) => names.includes("Carol"),
  );
});

test.each([false, true])("the two documented examples exchange messages; in LAN mode: %j", async (lan) => {
  const server = `127.0.0.1:${lan ? await freePort("udp") : stack.udpPort()}`;
  const host = example("dowsett-host.ts", server, "Cellar", "barrel", ...(lan ? [server] : []));
  await host.says("Cellar is registered with");
  const guest = example("dowsett-join.ts", server, "Cellar", "Bob", "barrel");
  await guest.says("Cellar (locked)\nCellar is here\njoined Cellar at 127.0.0.1:");
  await guest.says('Cellar: "welcome, Bob"');
  guest.child.stdin.write("hello there\n");
  await guest.says('Cellar: {"said":"hello there","by":"Bob"}');
  guest.child.stdin.end();
  expect(await exitCodeOf(guest.child)).toBe(0);
  await host.says("Bob left");
  host.child.kill("SIGINT");
  expect(await exitCodeOf(host.child)).toBe(0);
});

/** Runs an example and waits for the lines that it prints. */
function example(file: string, ...args: string[]) {
  const path = join(import.meta.dirname, "../../clients/typescript/examples", file);
  const child = spawn(process.execPath, [path, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  programs.push(child);
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const says = (text: string): Promise<string> =>
    eventually(
      () => Promise.resolve(printed),
      (all) => all.includes(text),
    );
  return { child, says };
}

function here() {
  return { handshakeAddress: ["127.0.0.1", stack.udpPort()], localAddress: ["127.0.0.1", 0] } as const;
}

function peerOf(): DowsettPeer {
  const peer = new DowsettPeer();
  peers.push(peer);
  return peer;
}

const nextMessage = (peer: DowsettPeer): Promise<ReliableMessage> =>
  new Promise((done) => void peer.on("receivedReliableMessageFromPeer", done));
