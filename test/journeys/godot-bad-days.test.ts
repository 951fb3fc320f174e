/** What goes wrong around a Godot 4 game: each `await` ends with a code and a sentence, and the session can be used again. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../tools/run/ports.ts";
import { HubClient } from "../../clients/typescript/src/api/hub-client.ts";
import { Godot4, godot4IsMissing, importProject, type Line, type Returned } from "../support/godot4.ts";
import { NATIVE, TestStack } from "../support/test-stack.ts";

/** Error codes of Godot. */
const OK = 0;
const CANT_CONNECT = 25;
const DOES_NOT_EXIST = 33;

/** Also on a busy machine; the guide says how long each one takes at most. */
const MOST_MS = 40_000;
const SENTENCE = /^[A-Z0-9].{10,}\.$/s;

const ADMIN_KEYS = "key-of-the-operators";

let stack: TestStack;
let games: Godot4[] = [];

async function game(options: { url?: string; home?: string; within?: readonly string[] } = {}): Promise<Godot4> {
  const one = new Godot4({ url: stack.url, ...options });
  games.push(one);
  await one.line((line) => line["event"] === "ready");
  return one;
}

/** Two in one lobby. */
async function pair(options: object = {}): Promise<{ host: Godot4; guest: Godot4; code: string; id: number }> {
  const [host, guest] = [await game(), await game()];
  const hosted = await host.call("host", "Nice", 8, options);
  const joined = await guest.call("join", hosted.join_code);
  expect([hosted.why, joined.why]).toStrictEqual(["", ""]);
  await host.line((line) => line["event"] === "peer_connected");
  return { host, guest, code: hosted.join_code, id: joined.id };
}

/** The session is as new: it hosts, and another one joins it. */
async function worksAgain(one: Godot4): Promise<void> {
  const other = await game();
  const hosted = await one.call("host", "Again", 2);
  expect([hosted.is, hosted.why]).toStrictEqual([OK, ""]);
  const joined = await other.call("join", hosted.join_code);
  expect([joined.is, joined.why]).toStrictEqual([OK, ""]);
}

/** The await ended in time, with this code and a sentence for players. */
function refused({ is, code, why, ms }: Returned, wanted: string): void {
  expect(code).toBe(wanted);
  expect(is).not.toBe(OK);
  expect(why).toMatch(SENTENCE);
  expect(ms).toBeLessThan(MOST_MS);
}

/** The signal `failed` has ended the time in the lobby, with this code and a sentence. */
async function ended(one: Godot4, wanted: string, from = 0): Promise<string> {
  const [code, why] = (await one.signal("failed", from))["args"] as string[];
  expect(code).toBe(wanted);
  expect(why).toMatch(SENTENCE);
  return why!;
}

const peerOf = async (one: Godot4): Promise<unknown> =>
  ((await one.look())["look"] as { local: boolean; name: string }[]).find(({ local }) => local)?.name;

/** The one file in `user://parley/`. */
function identityIn(home: string): string {
  const found = readdirSync(home, { recursive: true, encoding: "utf8" }).filter((path) =>
    /parley\/[^/]+\.json$/.test(path),
  );
  expect(found).toHaveLength(1);
  return join(home, found[0]!);
}

const signal = (name: string, first: unknown) => (line: Line) =>
  line["signal"] === name && (line["args"] as unknown[])[0] === first;

describe.skipIf(godot4IsMissing())("Godot 4 on a bad day", () => {
  beforeAll(async () => {
    importProject();
    stack = await TestStack.open({ settings: NATIVE, hub: { ADMIN_KEYS } });
  });
  afterEach(async () => {
    const complaints = games.flatMap((one) => one.complaints);
    await Promise.all(games.map((one) => one.kill()));
    games = [];
    expect(complaints).toStrictEqual([]);
  });
  afterAll(() => stack?.close());

  test("a wrong code, something that is no code, and a wrong password are refused", async () => {
    const [host, guest] = [await game(), await game()];
    const unknown = await guest.call("join", "ZZZZZZ");
    refused(unknown, "code_invalid");
    expect(unknown.is).toBe(DOES_NOT_EXIST);
    refused(await guest.call("join", "no / code"), "bad_invitation");
    refused(await guest.call("join", ""), "bad_invitation");
    const hosted = await host.call("host", "Locked", 8, { password: "sesame street" });
    refused(await guest.call("join", hosted.join_code, "wrong"), "password_mismatch");
    expect(await guest.call("join", hosted.join_code, "sesame street")).toMatchObject({ is: OK, code: "", why: "" });
  });

  test("a full lobby and another version are refused", async () => {
    const [host, guest, third] = [await game(), await game(), await game()];
    const hosted = await host.call("host", "Two", 2);
    expect(await guest.call("join", hosted.join_code)).toMatchObject({ is: OK });
    refused(await third.call("join", hosted.join_code), "lobby_full");
    third.tell({ set: "version", to: "2" });
    const versioned = await third.call("host", "Version two", 4);
    await guest.call("leave");
    guest.tell({ set: "version", to: "1" });
    refused(await guest.call("join", versioned.join_code), "version_mismatch");
    guest.tell({ set: "version", to: "2" });
    expect(await guest.call("join", versioned.join_code)).toMatchObject({ is: OK, code: "", why: "" });
  });

  test("the lobby of a browser is refused before the guest has a seat, and quick join skips it", async () => {
    const guest = await game();
    const hub = new HubClient(stack.url);
    await hub.createIdentity();
    const { lobby } = await hub.createLobby({ name: "In a browser", seats: 4, paths: ["webrtc"] });
    const joined = await guest.call("join", lobby.join.code);
    refused(joined, "no_common_path");
    expect(joined.why).toContain("one speaks only UDP and the other only WebRTC");
    expect(await guest.call("quick_join", { name: "In a browser" })).toMatchObject({ code: "no_open_lobby" });
    expect((await hub.request<{ member_count: number }>("GET", `/lobbies/${lobby.id}`)).member_count).toBe(1);
  });

  test("a kicked guest receives the reason and can come back; a banned one cannot", async () => {
    const { host, guest, code, id } = await pair();
    expect(await host.call("kick", id, "Be nice.")).toMatchObject({ is: OK });
    expect(await ended(guest, "kicked")).toContain("Be nice.");
    await host.line(signal("player_left", id));
    const again = await guest.call("join", code);
    expect(again).toMatchObject({ is: OK });
    const from = guest.lines.length;
    expect(await host.call("kick", again.id, "", true)).toMatchObject({ is: OK });
    await ended(guest, "banned", from);
    // The hub has this code for all members that a host keeps out.
    refused(await guest.call("join", code), "kicked");
    await worksAgain(guest);
  });

  test("a hub that cannot be reached: bounded, and usable once it is there", async () => {
    const lost = await game({ url: `http://127.0.0.1:${await freePort("tcp")}` });
    const hosted = await lost.call("host", "Nice");
    refused(hosted, "unreachable");
    expect(hosted.is).toBe(CANT_CONNECT);
    refused(await lost.call("join", "ABCDEF"), "unreachable");
    expect(await lost.call("list")).toMatchObject({ is: [], code: "unreachable" });
    expect((await lost.call("diagnose")).is).toContain("is not reached");
    lost.tell({ set: "url", to: stack.url });
    await worksAgain(lost);
  });

  test("the host quits: every member receives the event, and another member hosts", async () => {
    const { host, guest } = await pair();
    await host.end();
    const changed = await guest.signal("host_changed");
    expect(changed["args"]).toStrictEqual([1]);
    expect(await guest.look()).toMatchObject({ id: 1 });
    await guest.call("leave");
    await worksAgain(guest);
  });

  test("the host quits a lobby that closes with it: a code, a sentence, and the session is as new", async () => {
    const { host, guest } = await pair({ host_policy: "close" });
    expect(await host.end()).toBe(0);
    await ended(guest, "closed");
    await worksAgain(guest);
  });

  test("the host's machine loses power: the next member hosts, with the state that was handed over", async () => {
    const { host, guest } = await pair();
    host.tell({ snapshot: { round: 7 } });
    await expect.poll(async () => (await host.look())["stored"], { timeout: 15_000 }).toBe(true);
    await host.kill();
    await guest.signal("host_changed");
    expect(await guest.look()).toMatchObject({ id: 1, snapshot: { round: 7 } });
    await guest.call("leave");
    await worksAgain(guest);
  });

  test("the host's machine has just lost power: a join ends in time, and a lobby that closes with its host says so", async () => {
    const { host, guest, code } = await pair({ host_policy: "close" });
    const late = await game();
    await host.kill();
    refused(await late.call("join", code), "closed");
    await ended(guest, "closed");
    await Promise.all([worksAgain(guest), worksAgain(late)]);
  });

  test("a laptop that sleeps for 60 s is connected again, or learns that it lost its seat", async () => {
    const { host, guest, id } = await pair();
    guest.pause();
    const asleep = sleep(60_000);
    // The hub gives up the seat of a silent member, and the host's game hears of it.
    await host.line((line) => line["event"] === "peer_disconnected" && line["id"] === id, { within_ms: 120_000 });
    await asleep;
    const [fromHost, fromGuest] = [host.lines.length, guest.lines.length];
    guest.resume();
    await Promise.race([
      ended(guest, "seat_lost", fromGuest),
      host.line((line) => line["event"] === "peer_connected" && line["id"] === id, { from: fromHost }),
    ]);
    await guest.call("leave");
    await worksAgain(guest);
  });

  test("an identity that is over, by a wrong clock or at the hub, is replaced", async () => {
    const home = mkdtempSync(join(tmpdir(), "parley-laptop-"));
    const first = await game({ home });
    expect(await first.call("host", "One", 4)).toMatchObject({ is: OK });
    const peer = await peerOf(first);
    await first.end();
    const again = await game({ home });
    expect(await again.call("host", "Two", 4)).toMatchObject({ is: OK });
    expect(await peerOf(again)).toBe(peer);
    await again.end();
    const file = identityIn(home);
    const stored = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    for (const changes of [{ expires: 0 }, { token: "peer.made.up" }]) {
      writeFileSync(file, JSON.stringify({ ...stored, ...changes }));
      const other = await game({ home });
      expect(await other.call("host", "Three", 4)).toMatchObject({ is: OK });
      expect(await peerOf(other)).not.toBe(peer);
      await other.end();
    }
    rmSync(home, { recursive: true, force: true });
  });

  test.for(["+700d", "-700d"])("a clock that is wrong by %s is no hindrance", async (offset) => {
    const clock = ["env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", offset];
    const [host, guest] = [await game({ within: clock }), await game()];
    const hosted = await host.call("host", "Late", 4);
    expect(hosted).toMatchObject({ is: OK });
    const joined = await guest.call("join", hosted.join_code);
    expect(joined).toMatchObject({ is: OK });
    expect(await host.call("kick", joined.id)).toMatchObject({ is: OK });
    await host.call("leave");
    await worksAgain(host);
  });

  test("a peer that the game closes leaves the lobby, and can be used again", async () => {
    const { host, guest, id } = await pair();
    guest.tell({ close_peer: true });
    await host.line((line) => line["event"] === "peer_disconnected" && line["id"] === id);
    await host.line(signal("player_left", id));
    await worksAgain(guest);
  });

  test("two windows on one laptop are two players", async () => {
    const home = mkdtempSync(join(tmpdir(), "parley-laptop-"));
    const [one, two] = [await game({ home }), await game({ home })];
    const hosted = await one.call("host", "Laptop", 4);
    expect(await two.call("join", hosted.join_code)).toMatchObject({ is: OK, why: "" });
    await Promise.all([one.end(), two.end()]);
    // A restarted window is the same player.
    const again = await game({ home });
    const rehosted = await again.call("host", "Laptop", 4);
    expect(rehosted).toMatchObject({ is: OK });
    rmSync(home, { recursive: true, force: true });
  });

  test("a second request while one runs, and what needs a lobby without one, end at once", async () => {
    const one = await game();
    one.tell({ call: "host", args: ["First", 4] });
    one.tell({ call: "host", args: ["Second", 4] });
    const first = await one.line((line) => line["returned"] === "host" && line["is"] !== OK);
    expect(first["is"]).toBe(44);
    await one.line((line) => line["returned"] === "host" && line["is"] === OK);
    expect(await one.call("join", "ABCDEF")).toMatchObject({ code: "already_in_lobby" });
    await one.call("leave");
    const calls: [string, ...unknown[]][] = [
      ["kick", 5],
      ["chat", "hello"],
      ["start"],
      ["hand_over", 5],
      ["set_member_data", {}],
    ];
    for (const [method, ...args] of calls) expect((await one.call(method, ...args)).is).not.toBe(OK);
  });

  test("a game that leaves while it joins is left alone", async () => {
    const [host, guest] = [await game(), await game()];
    const hosted = await host.call("host", "Nice", 8);
    guest.tell({ call: "join", args: [hosted.join_code] });
    await guest.call("leave");
    const joined = await guest.line((line) => line["returned"] === "join");
    expect([OK, 48].includes(joined["is"] as number)).toBe(true);
    await guest.call("leave");
    await worksAgain(guest);
  });

  test("chat, member data, lobby data, approval and hand-over reach everybody", async () => {
    const [host, guest] = [await game(), await game()];
    host.tell({ set: "player_name", to: "Ann" });
    guest.tell({ set: "player_name", to: "Bob" });
    const hosted = await host.call("host", "Nice", 8, { approval: true, data: { map: "forest" } });
    guest.tell({ call: "join", args: [hosted.join_code] });
    await host.signal("applied");
    host.tell({ applicants: "admit" });
    const joined = await guest.line((line) => line["returned"] === "join");
    expect(joined).toMatchObject({ is: OK });
    const id = joined["id"] as number;
    await host.line(signal("player_joined", id));
    expect(await host.call("chat", "hello")).toMatchObject({ is: OK });
    await guest.line((line) => line["signal"] === "chat_received" && (line["args"] as unknown[])[1] === "hello");
    expect(await guest.call("set_member_data", { colour: "red" })).toMatchObject({ is: OK });
    await expect
      .poll(
        async () => ((await host.look())["look"] as { id: number; data: object }[]).find((one) => one.id === id)?.data,
      )
      .toStrictEqual({ colour: "red" });
    expect(await host.call("change_lobby", { data: { map: "desert" } })).toMatchObject({ is: OK });
    await expect.poll(async () => (await guest.look())["data"]).toStrictEqual({ map: "desert" });
    host.tell({ snapshot: { score: [3, 4] } });
    const from = guest.lines.length;
    expect(await host.call("hand_over", id)).toMatchObject({ is: OK });
    await guest.signal("host_changed", from);
    await guest.line((line) => line["event"] === "peer_connected", { from });
    await expect.poll(async () => (await guest.look())["snapshot"]).toStrictEqual({ score: [3, 4] });
    expect(await guest.look()).toMatchObject({ id: 1 });
    const old = (await host.look())["id"] as number;
    expect(old).not.toBe(1);
    host.tell({ send: "reliable", to: 1, text: "to the new host" });
    await guest.heard("to the new host");
    guest.tell({ send: "reliable", to: old, text: "to the old host" });
    await host.heard("to the old host");
  });

  test("a code, an id and a link can be looked at without joining", async () => {
    const [host, guest] = [await game(), await game()];
    const hosted = await host.call("host", "Seen", 8, { password: "sesame street" });
    const { is: seen } = await guest.call("preview", hosted.join_code);
    expect(seen).toMatchObject({ name: "Seen", members: 1, password: true });
    const id = (seen as { id: string }).id;
    for (const invitation of [id, `parley://join/${hosted.join_code}`])
      expect(await guest.call("preview", invitation)).toMatchObject({ is: { id, name: "Seen" }, code: "", why: "" });
    expect(await guest.call("preview", "ZZZZZZ")).toMatchObject({ is: null, code: "code_invalid" });
    expect(await guest.call("preview", "no / code")).toMatchObject({ is: null, code: "bad_invitation" });
  });

  test("an announcement of the operators reaches each game once", async () => {
    const { host, guest } = await pair();
    await host.call("watch_list");
    await host.signal("list_changed");
    const response = await fetch(`${stack.url}/v1/admin/games/default/announcements`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_KEYS}`, "content-type": "application/json" },
      body: JSON.stringify({ text: "The servers restart at 20:00" }),
    });
    expect(response.status).toBe(200);
    for (const one of [host, guest])
      expect((await one.signal("announced"))["args"]).toStrictEqual(["The servers restart at 20:00"]);
    // What is sent later comes after a second copy.
    await guest.call("chat", "hello");
    await host.signal("chat_received");
    expect(host.lines.filter((line) => line["signal"] === "announced")).toHaveLength(1);
  });

  test("the list shows the lobby, live too", async () => {
    const [host, guest] = [await game(), await game()];
    await guest.call("watch_list");
    await host.call("host", "Listed", 8, { data: { map: { value: "cave", index: true } } });
    await guest.line((line) => line["signal"] === "list_changed" && JSON.stringify(line["args"]).includes('"Listed"'));
    await expect
      .poll(async () => JSON.stringify((await guest.call("list", { "data[map]": "cave" })).is), {
        timeout: 15_000,
        interval: 1_500,
      })
      .toContain('"Listed"');
    const quick = await guest.call("quick_join", { "data[map]": "cave" });
    expect(quick).toMatchObject({ is: OK });
  });
});
