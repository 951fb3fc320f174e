/**
 * Peers behind NATs: router rules in kernel network namespaces, a real hub and a real sidecar on a public address, and
 * peers in home networks. `test/lab/nat.ts` describes each kind of router.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Host } from "../lab/lab.ts";
import type { NatKind, NatOptions } from "../lab/nat.ts";
import { type Line, Program } from "../lab/program.ts";
import { LabSocket } from "../lab/socket.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { countGreetings, startSession, LabPlayers, type TestHosts } from "../lab/lab-players.ts";
import { labTest } from "../lab/lab-test.ts";
import type { LinkConditions } from "../lab/lossy-link.ts";
import { eventually } from "../support/test-stack.ts";

/** Without a delay every datagram would arrive before its answer could cross it on the way. */
const AWAY: LinkConditions = { delay_ms: 20 };
/** The clients give up earlier than this. */
const PATIENCE = { within_ms: 60_000 };

/** More attempts than the script makes, because five lost packets in a row would end a connection. */
const STUBBORN = JSON.stringify({ secsToAwaitReply: 0.3, attemptsBeforeExpiration: 30, secsBetweenPeerChecks: 1 });

type Options = NatOptions & LinkConditions;

let labPlayers: LabPlayers;

const test = labTest(() => labPlayers.lab);

describe.skipIf(isLabMissing())("through NATs", () => {
  beforeAll(async () => {
    labPlayers = await LabPlayers.open();
  });
  afterAll(() => labPlayers?.close());

  describe("a router admits, once a client has sent to one host,", () => {
    test.concurrent.for<[NatKind, NatOptions, readonly string[]]>([
      ["full-cone", {}, ["known", "other port", "stranger"]],
      ["full-cone", { movesPorts: true }, ["known", "other port", "stranger"]],
      ["address-restricted", {}, ["known", "other port"]],
      ["address-restricted", { movesPorts: true }, ["known", "other port"]],
      ["port-restricted", {}, ["known"]],
      ["port-restricted", { movesPorts: true }, ["known"]],
      ["symmetric", {}, ["known"]],
    ])("%s %j: %j", async ([kind, options, wanted], { visit }) => {
      const host = await visit.host();
      const [inside, known] = [await LabSocket.open(await visit.homeHost(kind, options)), await LabSocket.open(host)];
      const others = { "other port": await LabSocket.open(host), stranger: await LabSocket.open(await visit.host()) };
      const { from: outside } = await inside.sendUntilReceived(known, "out");
      for (const [word, socket] of Object.entries(others)) {
        socket.send(word, outside);
        // Both datagrams left one socket in this order: when this one has arrived, the other arrived or was dropped.
        await socket.sendUntilReceived(known, word);
      }
      await known.sendUntilReceived(inside, "known", outside);
      expect([...new Set(inside.received.map(({ text }) => text))].toSorted()).toStrictEqual(wanted);
    });

    test.concurrent.for([true, false])(
      "datagrams of a neighbour to the external endpoint: %j",
      async (hairpin, { visit }) => {
        const home = await visit.home("port-restricted", { hairpin, movesPorts: true });
        const [alice, bob] = [
          await LabSocket.open(await visit.host(home)),
          await LabSocket.open(await visit.host(home)),
        ];
        const [outerAlice, outerBob] = [
          await labPlayers.observedEndpoint(alice),
          await labPlayers.observedEndpoint(bob),
        ];
        alice.send("hello", outerBob);
        await alice.sendUntilReceived(labPlayers.observer, `${home.address} after hello`);
        await labPlayers.observer.sendUntilReceived(bob, "last", outerBob);
        const hellos = bob.received.filter(({ text }) => text === "hello");
        expect(hellos.map(({ from }) => from)).toStrictEqual(hairpin ? [outerAlice] : []);
      },
    );
  });

  describe("the sidecar observes the same endpoint as other hosts", () => {
    test.concurrent.for<[NatKind, NatOptions]>([
      ["full-cone", {}],
      ["address-restricted", {}],
      ["port-restricted", {}],
      ["port-restricted", { movesPorts: true }],
      ["symmetric", {}],
    ])("%s %j", async ([kind, options], { visit }) => {
      const home = await visit.home(kind, options);
      const [alice, bob] = await startSession(labPlayers, [await visit.host(), await visit.host(home)]);
      const [told] = alice!.others;
      const seen = await labPlayers.observedEndpoint(bob!.socket);
      expect([told!.address, seen.address]).toStrictEqual([home.address, home.address]);
      // A symmetric NAT uses another port for each destination.
      expect(told!.port === seen.port).toBe(kind !== "symmetric");
      const kept = kind !== "symmetric" && options.movesPorts !== true;
      expect(told!.port === bob!.socket.local.port).toBe(kept);
    });
  });

  describe("two clients that send to each other's observed endpoint", () => {
    test.concurrent.for<[NatKind, NatKind, NatOptions]>([
      ["port-restricted", "port-restricted", {}],
      ["port-restricted", "port-restricted", { movesPorts: true }],
      ["address-restricted", "port-restricted", {}],
      ["full-cone", "full-cone", { movesPorts: true }],
    ])("%s and %s %j: receive each other", async ([one, other, options], { visit }) => {
      const homes = [one, other].map((kind) => visit.homeHost(kind, { ...options, ...AWAY }));
      const heard = await countGreetings(labPlayers, await startSession(labPlayers, await Promise.all(homes)));
      expect(Math.min(...heard)).toBeGreaterThan(0);
    });

    test.concurrent("port-restricted: receive each other even if one starts much earlier", async ({ visit }) => {
      const homes = [visit.homeHost("port-restricted", AWAY), visit.homeHost("port-restricted", AWAY)];
      const players = await startSession(labPlayers, await Promise.all(homes));
      // The first client's datagrams reach the second router before any datagram left it towards the first client.
      expect(await countGreetings(labPlayers, players.slice(0, 1))).toStrictEqual([0]);
      expect(Math.min(...(await countGreetings(labPlayers, players)))).toBeGreaterThan(0);
    });

    test.concurrent("symmetric and symmetric: never receive each other", async ({ visit }) => {
      const homes = [visit.homeHost("symmetric", AWAY), visit.homeHost("symmetric", AWAY)];
      const players = await startSession(labPlayers, await Promise.all(homes));
      expect(players.map(({ others }) => others.length)).toStrictEqual([1, 1]);
      expect(await countGreetings(labPlayers, players)).toStrictEqual([0, 0]);
    });

    test.concurrent("symmetric and address-restricted: receive each other if the answer goes to the source endpoint", async ({
      visit,
    }) => {
      const homes = [visit.homeHost("symmetric", AWAY), visit.homeHost("address-restricted", AWAY)];
      const [alice, bob] = await startSession(labPlayers, await Promise.all(homes));
      const stops = [alice!, bob!].map(({ socket, others }) => socket.sendRepeatedly("hello", others));
      const { from } = await bob!.socket.waitFor("hello");
      expect(from).not.toStrictEqual(bob!.others[0]);
      await bob!.socket.sendUntilReceived(alice!.socket, "welcome", from);
      for (const stop of stops) stop();
      expect(alice!.socket.received.filter(({ text }) => text === "hello")).toStrictEqual([]);
    });
  });

  describe("Rabid peers behind port-restricted NATs", () => {
    test.concurrent.for<[number, Options]>([
      [2, AWAY],
      [3, { ...AWAY, movesPorts: true }],
      [2, { ...AWAY, loss: 0.3 }],
      [3, { ...AWAY, loss: 0.3 }],
    ])("%i peers connect, and the game continues in the same sockets: %j", ([count, options], { visit }) =>
      rabidPlayersMeet(visit, count, options),
    );

    // Not concurrent: one program delays all links of the laboratory, and each test has 66 pairs of peers.
    // A loss of 16 % at both ends is a loss of 30 % between two peers.
    test.for<Options>([
      { ...AWAY, movesPorts: true },
      { ...AWAY, loss: 0.16 },
    ])("twelve peers connect: %j", (options, { visit }) => rabidPlayersMeet(visit, 12, options));
  });

  describe("Dowsett peers", () => {
    test.concurrent.for<[number, Options]>([
      [2, AWAY],
      [2, { ...AWAY, movesPorts: true }],
      [2, { ...AWAY, loss: 0.1 }],
      [3, AWAY],
    ])("%i peers connect, each behind a port-restricted NAT: %j", async ([count, options], { visit }) => {
      const homes = await Promise.all(Array.from({ length: count }, () => visit.home("port-restricted", options)));
      const players = await dowsettPlayers(await Promise.all(homes.map((home) => visit.host(home))), "", STUBBORN);
      for (const { name, program } of players) {
        for (const [at, other] of players.entries()) {
          if (other.name === name) continue;
          const { address } = await program.waitForLine(({ joined }) => joined === other.name, PATIENCE);
          expect(address).toBe(homes[at]!.address);
          await program.waitForLine(({ heard }) => heard === other.name, PATIENCE);
        }
      }
    });

    test.concurrent("a whole session works behind port-restricted NATs with 10 % loss", async ({ visit }) => {
      const home = (): Promise<Host> => visit.homeHost("port-restricted", { ...AWAY, movesPorts: true, loss: 0.1 });
      const [host, bob, carol] = (await dowsettPlayers(
        [await home(), await home(), await home()],
        "sesame",
        STUBBORN,
      )) as [Player, Player, Player];
      const eve = await dowsettProgram(await home(), host.name, "Eve", "barley", STUBBORN);
      // The packet with the reason is sent once and may be lost.
      const refused = await eve.waitForLine(has("here", "failed"), PATIENCE);
      expect(refused["failed"]).toMatch(/hash mismatch|connection with .* failed/);

      await bob.program.waitForLine(({ joined }) => joined === carol.name, PATIENCE);
      await carol.program.waitForLine(({ joined }) => joined === bob.name, PATIENCE);
      const messages = Array.from({ length: 20 }, (_, at) => at);
      for (const message of messages) bob.program.send({ send: carol.name, message });
      const numbers = (): number[] =>
        carol.program.lines.flatMap(({ heard, message }) =>
          heard === bob.name && typeof message === "number" ? [message] : [],
        );
      for (const at of messages)
        await bob.program.waitForLine(({ confirmed, message }) => confirmed !== undefined && message === at, PATIENCE);
      expect(numbers().toSorted((a, b) => a - b)).toStrictEqual(messages);

      host.program.send({ drop: carol.name });
      await bob.program.waitForLine(({ dropped }) => dropped === carol.name, PATIENCE);
      await carol.program.waitForLine(has("ended"), PATIENCE);
      host.program.send({ quit: true });
      await bob.program.waitForLine(has("ended"), PATIENCE);
    });

    // With hairpinning both endpoints work, and the first answer decides, as with the original.
    test.concurrent.for([false, true])(
      "two peers of one home connect by internal endpoints unless external ones work: %j",
      async (hairpin, { visit }) => {
        const home = await visit.home("port-restricted", { ...AWAY, movesPorts: true, hairpin });
        const hosts = [await visit.host(home), await visit.host(home)];
        const [alice, bob] = await dowsettPlayers(hosts);
        const toBob = await alice!.program.waitForLine(has("joined"), PATIENCE);
        const toAlice = await bob!.program.waitForLine(has("joined"), PATIENCE);
        await Promise.all([alice!, bob!].map(({ program }) => program.waitForLine(has("heard"), PATIENCE)));
        if (hairpin) return;
        expect(toAlice).toMatchObject({ address: hosts[0]!.address, port: alice!.port });
        expect(toBob).toMatchObject({ address: hosts[1]!.address, port: bob!.port });
      },
    );
  });

  test("no process is left of a laboratory whose owner was killed", async () => {
    const owner = Program.start("the owner", [], "abandoned-lab.ts", []);
    const { pid } = await owner.waitForLine(has("pid"), PATIENCE);
    const inside = namespaceOf(String(pid));
    expect(inside).toMatch(/^pid:/);
    expect(processesIn(inside).length).toBeGreaterThanOrEqual(2);
    await owner.kill();
    await eventually(
      () => Promise.resolve(processesIn(inside)),
      (left) => left.length === 0,
    );
  });
});

/** This many peers, each in a home with these options, connect and receive a game datagram from each other. */
async function rabidPlayersMeet(visit: TestHosts, count: number, options: Options): Promise<void> {
  const { address, port } = labPlayers.stack.endpointOf("rabid");
  const session = labPlayers.nextSession();
  const names = Array.from({ length: count }, (_, at) => `P${at}`);
  const hosts = await Promise.all(names.map(() => visit.homeHost("port-restricted", options)));
  const run = (at: number): Promise<Program> => {
    const told = [`${address}:${port}`, session, names[at]!, String(count)];
    return hosts[at]!.run("rabid-peer.ts", at === 0 ? [...told, "host"] : told);
  };
  const first = await run(0);
  await first.waitForLine(has("roster", "failed"), PATIENCE);
  const programs = [first, ...(await Promise.all(names.slice(1).map((_, at) => run(at + 1))))];
  await Promise.all(
    programs.map(async (program, at) => {
      const others = names.filter((name) => name !== names[at]);
      const outcome = await program.waitForLine(has("met", "failed"), PATIENCE);
      expect(outcome).not.toHaveProperty("failed");
      const { met, missing } = outcome;
      expect(missing).toStrictEqual([]);
      expect((met as { name: string }[]).map(({ name }) => name).toSorted()).toStrictEqual(others.toSorted());
      for (const name of others) await program.waitForLine(({ heard }) => heard === name);
    }),
  );
}

type Player = { readonly name: string; readonly program: Program; readonly port: number };

/** A Dowsett session, once a peer of each host is in it; the first one hosts it. */
async function dowsettPlayers(hosts: readonly Host[], ...more: string[]): Promise<Player[]> {
  const session = labPlayers.nextSession();
  const players: Player[] = [];
  for (const [at, host] of hosts.entries()) {
    const name = at === 0 ? session : `Guest${at}`;
    const program = await dowsettProgram(host, session, name, ...more);
    const { here } = await program.waitForLine(has("here", "failed"), PATIENCE);
    if (typeof here !== "number") throw new Error(`${name} did not get in: ${JSON.stringify(program.lines)}`);
    players.push({ name, program, port: here });
  }
  return players;
}

function dowsettProgram(host: Host, session: string, name: string, ...more: string[]): Promise<Program> {
  const { address, port } = labPlayers.stack.endpointOf("dowsett");
  return host.run("dowsett-peer.ts", [`${address}:${port}`, host.address, session, name, ...more]);
}

const has =
  (...keys: readonly string[]) =>
  (line: Line): boolean =>
    keys.some((key) => key in line);

const namespaceOf = (pid: string): string => {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    // The process ended since it was listed, or belongs to another user.
    return "";
  }
};

const processesIn = (namespace: string): string[] =>
  readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name) && namespaceOf(name) === namespace);
