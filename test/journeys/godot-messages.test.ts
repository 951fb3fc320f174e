/** `ParleyMessages` of the Godot 4 addon, between two games, and between a game and the TypeScript client. */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  bytesToVar,
  ConnectionEnd,
  ConnectionState,
  SendFlags,
  SteamLobbies,
  varToBytes,
  type Variant,
} from "../../clients/typescript/src/index.ts";
import { DataWriter, readPacket, writeBye, writeHello } from "../../clients/typescript/src/messages/packets.ts";
import { Ranges } from "../../clients/typescript/src/messages/transport/ranges.ts";
import { Godot4, godot4IsMissing, importProject, type Line } from "../support/godot4.ts";
import { NATIVE, TestStack } from "../support/test-stack.ts";

const SCENE = "res://test/journeys/messenger.tscn";
const MESSAGE_BYTES_MAX = 512 * 1_024;
let stack: TestStack;
let games: Godot4[] = [];
let bot: SteamLobbies | null = null;

async function game(): Promise<Godot4> {
  const one = new Godot4({ url: stack.url, scene: SCENE });
  games.push(one);
  await one.line((line) => line["event"] === "ready");
  return one;
}

async function pair(): Promise<{ host: Godot4; guest: Godot4; id: number }> {
  const [host, guest] = [await game(), await game()];
  const hosted = await host.call("host", "Nice", 8);
  const joined = await guest.call("join", hosted.join_code);
  expect([hosted.why, joined.why]).toStrictEqual(["", ""]);
  return { host, guest, id: joined.id };
}

/** The bot as a member of the game's lobby, and its id there. */
async function botIn(host: Godot4): Promise<{ lobby: string; id: number; owner: string }> {
  const hosted = await host.call("host", "Nice", 8);
  bot = await SteamLobbies.open({ url: stack.url });
  await bot.joinLobby(hosted.join_code, { memberName: "Bot" });
  const lobby = bot.lobbies[0]!;
  const id = ((await host.signal("player_joined"))["args"] as number[])[0]!;
  return { lobby, id, owner: bot.getLobbyOwner(lobby)! };
}

const md5 = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("hex");
const message = (wanted: Line) => (line: Line) =>
  "message" in line && Object.entries(wanted).every(([key, value]) => line[key] === value);

describe.skipIf(godot4IsMissing())("messages of a Godot 4 game", () => {
  beforeAll(async () => {
    importProject();
    stack = await TestStack.open({ settings: NATIVE });
  });
  afterEach(async () => {
    const complaints = games.flatMap((one) => one.complaints);
    await bot?.close();
    bot = null;
    await Promise.all(games.map((one) => one.kill()));
    games = [];
    expect(complaints).toStrictEqual([]);
  });
  afterAll(() => stack?.close());

  test("packets have the bytes that the TypeScript client writes", async () => {
    const one = await game();
    const ranges = new Ranges();
    for (const [from, to] of [
      [0, 1],
      [5, 9],
      [70_000, 70_100],
      [70_102, 2 ** 41],
      [2 ** 41 + 7, 2 ** 41 + 9],
    ] as const)
      ranges.add(from, to);
    const data = new DataWriter(1_207, 0xfedc_ba98, 2 ** 40 + 3);
    data.ack(ranges.all, 12.3, 32);
    data.window(3, 2 ** 33);
    data.ping();
    data.fragment({ channel: 9, message: 0xffff_fffe, flags: 1, index: 2, count: 4, bytes: Buffer.from("piece") });
    data.bytes(65_535, 2 ** 42, 6, (target) => target.set(Buffer.from("stream")));
    const packets = [
      writeHello({ to: 0, from: 0xffff_ffff, version: 1, flags: 3 }),
      writeBye({ to: 7, from: 9, reason: 4_100, debug: "no" }),
      data.finish(),
    ];
    for (const packet of packets) {
      expect(readPacket(packet)).not.toBeNull();
      const hex = Buffer.from(packet).toString("hex");
      const from = one.lines.length;
      one.tell({ packet: hex });
      expect(await one.line((line) => "packet" in line, { from })).toMatchObject({ packet: hex });
    }
    for (const bad of ["", "02", `02${"00".repeat(10)}ff`, `02${"00".repeat(10)}02000100000000000000ff`]) {
      const from = one.lines.length;
      one.tell({ packet: bad });
      expect(await one.line((line) => "packet" in line, { from })).toMatchObject({ packet: "" });
    }
  });

  test(
    "two games: requests, every kind of message both ways, the longest one, and the end",
    { timeout: 90_000 },
    async () => {
      const { host, guest, id } = await pair();
      guest.tell({ message: { message: "handshake", from: "Bob" }, to: 1 });
      await host.line((line) => line["request"] === id);
      await host.line((line) => isDeepStrictEqual(line["message"], { message: "handshake", from: "Bob" }));
      host.tell({ message: ["unreliable", 1.5, true], to: id, flags: SendFlags.UnreliableNoNagle });
      await guest.line((line) => JSON.stringify(line["message"]) === '["unreliable",1.5,true]' && line["flags"] === 0);
      guest.tell({ message: { big: "state ".repeat(900) }, to: 1, gzip: true });
      const zipped = await host.line((line) => line["gzip"] === true);
      expect(zipped["message"]).toStrictEqual({ big: "state ".repeat(900) });
      expect(zipped["bytes"]).toBeLessThan(200);
      const from = guest.lines.length;
      host.tell({ message: null, raw: MESSAGE_BYTES_MAX, to: id, channel: 7 });
      const { md5: sum } = await host.line((line) => line["result"] === 1 && line["hex"] === "");
      await guest.line(message({ channel: 7, bytes: MESSAGE_BYTES_MAX, md5: sum }), { from });
      const session = async (): Promise<Line> => {
        const at = host.lines.length;
        host.tell({ session: id });
        return (await host.line((line) => "session" in line, { from: at }))["session"] as Line;
      };
      // The last acknowledgement may come after the guest's report.
      await expect
        .poll(session, { timeout: 20_000 })
        .toMatchObject({ state: ConnectionState.Connected, path: "direct", pending_reliable: 0 });
      guest.tell({ close: 1 });
      await guest.line((line) => line["closed"] === true);
      await expect.poll(session, { timeout: 20_000 }).toMatchObject({ state: ConnectionState.ClosedByPeer });
    },
  );

  test("a refused game learns it; so does one whose player leaves", async () => {
    const { host, guest, id } = await pair();
    host.tell({ refuse: true });
    guest.tell({ message: "hello", to: 1 });
    const refused = await guest.line((line) => line["session_failed"] === 1);
    expect(refused).toMatchObject({ reason: ConnectionEnd.RemoteDenied });
    host.tell({ refuse: false });
    guest.tell({ message: "again", to: 1, flags: SendFlags.Reliable | SendFlags.AutoRestartBrokenSession });
    await host.line(message({ message: "again" }));
    await guest.call("leave");
    const left = await host.line((line) => line["session_failed"] === id);
    expect(left).toMatchObject({ reason: ConnectionEnd.RemoteTimeout });
    for (const nobody of [1, 12_345]) {
      const at = host.lines.length;
      host.tell({ message: "to nobody", to: nobody });
      expect(await host.line((line) => "result" in line, { from: at })).toMatchObject({ result: 8 });
    }
  });

  test("guests of one star talk to each other by a path that the game did not open", async () => {
    const { host, guest } = await pair();
    const third = await game();
    const code = (await host.call("chat", "hello")).join_code;
    const joined = await third.call("join", code);
    expect(joined.why).toBe("");
    await guest.line((line) => line["signal"] === "player_joined" && (line["args"] as number[])[0] === joined.id);
    guest.tell({ message: "guest to guest", to: joined.id });
    await third.line(message({ message: "guest to guest" }), { within_ms: 20_000 });
  });

  test("a session goes on when the host quits and another one hosts", async () => {
    const { host, guest } = await pair();
    const third = await game();
    const joined = await third.call("join", (await host.call("chat", "hello")).join_code);
    await guest.line((line) => line["signal"] === "player_joined" && (line["args"] as number[])[0] === joined.id);
    guest.tell({ message: "before", to: joined.id });
    await third.line(message({ message: "before" }), { within_ms: 20_000 });
    const from = [guest.lines.length, third.lines.length] as const;
    await host.call("leave");
    const hosted = await Promise.all([guest.signal("host_changed", from[0]), third.signal("host_changed", from[1])]);
    expect(hosted).toHaveLength(2);
    const next = (await guest.look())["id"] === 1 ? guest : third;
    const other = next === guest ? third : guest;
    other.tell({ message: "to the next host", to: 1 });
    await next.line(message({ message: "to the next host", from: (await other.look())["id"] }), { within_ms: 20_000 });
    next.tell({ message: "from the next host", to: (await other.look())["id"] });
    await other.line(message({ message: "from the next host", from: 1 }), { within_ms: 20_000 });
    const failures = [...guest.lines, ...third.lines].filter((line) => "session_failed" in line);
    expect(failures).toStrictEqual([]);
  });

  test("a TypeScript program and a game exchange messages, values and refusals", { timeout: 90_000 }, async () => {
    const host = await game();
    const { lobby, id, owner } = await botIn(host);
    const messages = bot!.messages(lobby);
    messages.on("sessionRequest", (peer) => void messages.acceptSessionWithUser(peer));
    const received: { value: Variant; channel: number; bytes: Uint8Array }[] = [];
    const read = setInterval(() => {
      for (const { payload, channel } of [0, 7].flatMap((one) => messages.receiveMessagesOnChannel(one, 100))) {
        const plain = payload[0] === 0x1f && payload[1] === 0x8b ? gunzipSync(payload) : payload;
        const decoded = channel === 0 ? bytesToVar(plain, 4) : { value: null };
        received.push({ value: "value" in decoded ? decoded.value : null, channel, bytes: payload });
      }
    }, 10);
    const values: Variant = { message: "handshake", from: "Bot", list: [1n, "two", true, null] };
    const bytes = varToBytes(values, 4);
    messages.sendMessageToUser(owner, bytes, SendFlags.ReliableNoNagle, 0);
    await host.line((line) => line["request"] === id);
    const heard = await host.line((line) => "message" in line && line["md5"] === md5(bytes));
    expect(heard["message"]).toStrictEqual({ message: "handshake", from: "Bot", list: [1, "two", true, null] });
    host.tell({ message: { to: "the program", number: 7.5 }, to: id });
    await expect.poll(() => received.length, { timeout: 10_000 }).toBe(1);
    expect(received[0]!.value).toStrictEqual(
      new Map<string, Variant>([
        ["number", 7.5],
        ["to", "the program"],
      ]),
    );
    const sent = host.lines.findLast((line) => "hex" in line)!;
    expect(Buffer.from(received.at(-1)!.bytes).toString("hex")).toBe(sent["hex"]);
    expect(Buffer.from(varToBytes(received.at(-1)!.value, 4)).toString("hex")).toBe(sent["hex"]);
    // Deflated by the sessions, and by the game.
    const text = varToBytes({ text: "a state that repeats itself ".repeat(2_000) }, 4);
    messages.sendMessageToUser(owner, text, SendFlags.Reliable, 0);
    await host.line((line) => line["md5"] === md5(text));
    messages.sendMessageToUser(owner, gzipSync(text), SendFlags.Reliable, 0);
    await host.line((line) => line["gzip"] === true);
    const before = received.length;
    host.tell({ message: { text: "the game's state ".repeat(2_000) }, to: id });
    host.tell({ message: { text: "the game's state ".repeat(2_000) }, to: id, gzip: true });
    await expect.poll(() => received.length, { timeout: 10_000 }).toBe(before + 2);
    expect(received.slice(before).map(({ value }) => value)).toStrictEqual([
      new Map([["text", "the game's state ".repeat(2_000)]]),
      new Map([["text", "the game's state ".repeat(2_000)]]),
    ]);
    // The longest message both ways, and unreliable ones.
    const longest = Buffer.alloc(MESSAGE_BYTES_MAX).map((_, at) => (at * 2_654_435_761) >>> 13);
    messages.sendMessageToUser(owner, longest, SendFlags.Reliable, 7);
    await host.line(message({ channel: 7, md5: md5(longest) }), { within_ms: 30_000 });
    const at = host.lines.length;
    host.tell({ message: null, raw: MESSAGE_BYTES_MAX, to: id, channel: 7 });
    const { md5: sum } = await host.line((line) => line["result"] === 1, { from: at });
    await expect.poll(() => received.at(-1)?.bytes.length, { timeout: 30_000 }).toBe(MESSAGE_BYTES_MAX);
    expect(md5(received.at(-1)!.bytes)).toBe(sum);
    messages.sendMessageToUser(owner, varToBytes("soon", 4), SendFlags.UnreliableNoNagle, 0);
    await host.line(message({ message: "soon", flags: 0 }));
    clearInterval(read);
    messages.closeSessionWithUser(owner);
    await expect
      .poll(async () => {
        const from = host.lines.length;
        host.tell({ session: id });
        return ((await host.line((line) => "session" in line, { from }))["session"] as Line)["state"];
      })
      .toBe(ConnectionState.ClosedByPeer);
  });

  test("a game asks a TypeScript program first, which refuses", async () => {
    const host = await game();
    const { lobby, id, owner } = await botIn(host);
    const messages = bot!.messages(lobby);
    const asked = new Promise<string>((done) => messages.on("sessionRequest", (peer) => done(peer)));
    host.tell({ message: "may I?", to: id });
    expect(await asked).toBe(owner);
    expect(messages.closeSessionWithUser(owner)).toBe(true);
    const failed = await host.line((line) => line["session_failed"] === id, { within_ms: 20_000 });
    expect([ConnectionEnd.RemoteDenied, ConnectionEnd.MiscP2PRendezvous]).toContain(failed["reason"]);
  });
});
