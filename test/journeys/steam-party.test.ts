/**
 * The example with four players (clients/typescript/examples/steam-party.ts) behind NATs, on links that lose every 20th
 * datagram: handshakes, chat, positions, the level; a guest leaves, then the host. The transcript is their output.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Host } from "../lab/lab.ts";
import { type Line, Program } from "../lab/program.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { LabPlayers } from "../lab/lab-players.ts";
import { freePort } from "../../tools/run/ports.ts";
import { TestStack } from "../support/test-stack.ts";

const EXAMPLE = "../../../clients/typescript/examples/steam-party.ts";
const WAY = { delay_ms: 20, loss: 0.05 };
const PATIENCE = { within_ms: 60_000 };
/** The hash of the level that the example sends. */
const LEVEL = { level: 409_600, sha256: expect.stringMatching(/^[0-9a-f]{12}$/) };

describe.skipIf(isLabMissing())("four players behind NATs with 5 % loss", () => {
  let labPlayers: LabPlayers;
  beforeAll(async () => {
    labPlayers = await LabPlayers.open();
    await labPlayers.stack.addSidecar(await labPlayers.lab.host());
  });
  afterAll(() => labPlayers?.close());

  test("complete the same game", { timeout: 180_000 }, async () => {
    const { lab, stack } = labPlayers;
    const homes: Record<string, Host> = {
      Ann: await lab.host({ net: await lab.home("port-restricted", WAY) }),
      Bob: await lab.host({ net: await lab.home("full-cone", WAY) }),
      // A NAT with another port for each destination.
      Cleo: await lab.host({ net: await lab.home("symmetric", WAY) }),
      Dan: await lab.host({ net: await lab.home("address-restricted", WAY) }),
    };
    await party((name, args) => homes[name]!.run(EXAMPLE, [stack.url, name, ...args]));
  });
});

test(
  "four players on one machine complete handshakes, chat, movement and the level, and two of them leave",
  { timeout: 180_000 },
  async () => {
    const ports = [await freePort("udp"), await freePort("udp")].map((port) => `${port}=native`);
    const stack = await TestStack.open({ settings: { PARLEY_PORTS: ports.join() } });
    const started: Program[] = [];
    try {
      await party(async (name, args) => {
        const program = Program.start(name, [], EXAMPLE, [stack.url, name, ...args]);
        started.push(program);
        return program;
      });
    } finally {
      await Promise.all(started.map((program) => program.end()));
      await stack.close();
    }
  },
);

/** `runs`: starts the example for this player, which hosts the lobby or is invited. */
async function party(runs: (name: string, args: readonly string[]) => Promise<Program>): Promise<void> {
  const ann = await runs("Ann", []);
  const { invitation } = (await ann.waitForLine((line) => "invitation" in line, PATIENCE)) as { invitation: Invited };
  const guests: Record<string, Program> = {};
  for (const name of ["Bob", "Cleo", "Dan"]) {
    // Sequential, so that the order of arrival is known.
    guests[name] = await runs(name, invitation.arguments);
    await guests[name].waitForLine((line) => line["name"] === name, PATIENCE);
  }
  const all: Record<string, Program> = { Ann: ann, ...guests };

  // Each player completes a handshake with each other one and sees it move.
  for (const [name, program] of Object.entries(all)) {
    for (const other of Object.keys(all).filter((one) => one !== name)) {
      await program.waitForLine((line) => line["handshake"] === other, PATIENCE);
      await program.waitForLine((line) => line["moves"] === other, PATIENCE);
    }
  }
  // All guests received the host's whole level.
  const levels = await Promise.all(
    Object.values(guests).map((one) => one.waitForLine((line) => "level" in line, PATIENCE)),
  );
  for (const line of levels) expect(line).toMatchObject({ ...LEVEL, from: "Ann" });
  expect(new Set(levels.map(({ sha256 }) => sha256)).size).toBe(1);

  // Chat in both directions.
  ann.send({ text: "welcome" });
  for (const guest of Object.values(guests))
    await guest.waitForLine((line) => line["from"] === "Ann" && "chat" in line, PATIENCE);
  guests["Cleo"]!.send({ text: "hello" });
  await guests["Dan"]!.waitForLine((line) => line["from"] === "Cleo" && "chat" in line, PATIENCE);

  // A guest leaves, then the host; the next in order of arrival takes over.
  await guests["Bob"]!.end();
  for (const one of [ann, guests["Cleo"]!, guests["Dan"]!]) {
    await one.waitForLine((line) => line["peer"] === "Bob" && line["state"] === 2, PATIENCE);
  }
  await ann.end();
  await guests["Cleo"]!.waitForLine((line) => line["owner"] === "Cleo" && line["isMe"] === true, PATIENCE);
  await guests["Dan"]!.waitForLine((line) => line["owner"] === "Cleo" && line["isMe"] === false, PATIENCE);
  // The remaining two still chat.
  const before = guests["Dan"]!.lines.length;
  guests["Cleo"]!.send({ text: "still there" });
  await guests["Dan"]!.waitForLine((line) => line["from"] === "Cleo" && "chat" in line, { from: before, ...PATIENCE });

  // No failure, no malformed message, no repeated handshake and no repeated level.
  for (const program of Object.values(all)) {
    const odd = program.lines.filter((line) => "failed" in line || "nonsense" in line || "levelRefused" in line);
    expect(odd).toStrictEqual([]);
    expect(new Set(handshakes(program)).size).toBe(handshakes(program).length);
    expect(program.lines.filter((line) => "level" in line).length).toBe(program === ann ? 0 : 1);
  }
}

type Invited = { readonly link: string; readonly arguments: readonly string[] };

const handshakes = (program: Program): unknown[] =>
  program.lines.filter((line: Line) => "handshake" in line).map((line) => line["handshake"]);
