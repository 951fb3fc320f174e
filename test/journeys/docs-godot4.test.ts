/** Runs every Godot 4 snippet of the documentation in the real engine, against a real deployment. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bytesToVar } from "../../clients/typescript/src/variant/decode.ts";
import { varToBytes } from "../../clients/typescript/src/variant/encode.ts";
import { GodotFloat } from "../../clients/typescript/src/variant/types.ts";
import { freePort } from "../../tools/run/ports.ts";
import type { RabidPlayer } from "../../tools/run/rabid-player.ts";
import { fileBlock, substitute } from "../support/doc-blocks.ts";
import { Godot4Project, hasGodot4 } from "../support/godot4-project.ts";
import { NetfoxNoray } from "../support/netfox.ts";
import { TestStack } from "../support/test-stack.ts";

const HUB = "127.0.0.1:8787";

/** Prints the names of the list after each change. */
const LIST_MAIN = `extends Node
func _ready() -> void:
	var list: Node = load("res://lobby_list.gd").new()
	list.changed.connect(func() -> void:
		var names: Array = list.lobbies.values().map(func(lobby: Dictionary) -> String: return lobby.name)
		names.sort()
		print("list: ", ",".join(names)))
	add_child(list)
`;

const LOBBY_MAIN = `extends Node
func _ready() -> void:
	add_child(load("res://lobby.gd").new())
`;

const SEE_MAIN = `extends Node
func _ready() -> void:
	var udp := PacketPeerUDP.new()
	udp.bind(LOCAL, "127.0.0.1")
	print("seen: ", " ".join(await load("res://see.gd").new().see(udp, "TOKEN", "127.0.0.1", PORT)))
`;

const PUBLISH_MAIN = `extends Node
func _ready() -> void:
	var request := HTTPRequest.new()
	add_child(request)
	request.request_completed.connect(func(_result: int, code: int, _headers: PackedStringArray, _body: PackedByteArray) -> void:
		print("published: ", code))
	load("res://publish.gd").new().publish(request)
`;

/** Hosts over DTLS, starts the session, hands the socket over and greets its peer in clear text. */
const DTLS_MAIN = `extends Node
var rendezvous: RefCounted
var asked := 0
var greeted := 0
var peer := ""
var game: PacketPeerUDP
func _ready() -> void:
	rendezvous = load("res://rendezvous.gd").new("127.0.0.1", PORT, """PEM""", "rendezvous", LOCAL)
func _process(_delta: float) -> void:
	var now := Time.get_ticks_msec()
	if game != null:
		if now - greeted > 100:
			greeted = now
			game.put_packet("hello".to_utf8_buffer())
		while game.get_available_packet_count() > 0:
			var text := game.get_packet().get_string_from_utf8()
			if game.get_packet_port() != PORT:
				print("received %s from %d" % [text, game.get_packet_port()])
		return
	if not rendezvous.poll():
		return
	if now - asked > 400:
		asked = now
		rendezvous.send("p:Recipe:Alice" if "i:Alice" in rendezvous.messages else "h:Recipe:Alice:2")
		if "i:Alice:Bob" in rendezvous.messages:
			rendezvous.send("s:Recipe:Alice")
	for message: String in rendezvous.messages:
		if message.begins_with("s:"):
			var words := message.split(":")
			game = rendezvous.hand_over()
			game.set_dest_address(words[3], int(words[4]))
`;

/** The values of the table in docs/guides/steam.md, as the engine encodes them. */
const VALUES_MAIN = `extends Node
func _ready() -> void:
	var ints: Array[int] = [1, 2]
	var ages: Dictionary[String, int] = {"Ann": 7}
	for value: Variant in [1.0, 1.5, &"name", ints, ages, "text", 7, true]:
		print("value: ", type_string(typeof(value)), " ", Marshalls.raw_to_base64(var_to_bytes(value)))
	var nested: Variant = 0
	for depth in 65:
		nested = [nested]
	print("value: Nested ", Marshalls.raw_to_base64(var_to_bytes(nested)))
	print("end")
`;

describe.skipIf(!hasGodot4)("the Godot 4 snippets", () => {
  let stack: TestStack;
  let noray: number;
  const projects: Godot4Project[] = [];

  function run(files: Record<string, string>, autoloads: Record<string, string> = {}): Godot4Project {
    const project = new Godot4Project(files, autoloads);
    projects.push(project);
    return project;
  }
  const atStack = (code: string): string => substitute(code, HUB, stack.url.slice("http://".length));

  beforeAll(async () => {
    noray = await freePort("tcp");
    stack = await TestStack.open({
      settings: {
        PARLEY_DTLS: "on",
        PARLEY_PORTS: "PORT=native+noray+rabid",
        PARLEY_NORAY: String(noray),
        PARLEY_ADDRESSES: "127.0.0.1",
        PARLEY_RELAY_PORTS: "off",
      },
    });
  });
  afterEach(async () => {
    await Promise.all(projects.splice(0).map((project) => project.close()));
  });
  afterAll(() => stack?.close());

  async function createIdentity(): Promise<{ peer_token: string; udp_token: string }> {
    const response = await fetch(`${stack.url}/v1/games/default/peers`, { method: "POST" });
    return (await response.json()) as { peer_token: string; udp_token: string };
  }

  async function createLobby(name: string): Promise<() => Promise<void>> {
    const { peer_token } = await createIdentity();
    const headers = { authorization: `Bearer ${peer_token}`, "content-type": "application/json" };
    const body = JSON.stringify({ name, seats: 4 });
    const response = await fetch(`${stack.url}/v1/games/default/lobbies`, { method: "POST", headers, body });
    const { lobby } = (await response.json()) as { lobby: { id: string } };
    return async () => {
      await fetch(`${stack.url}/v1/games/default/lobbies/${lobby.id}`, { method: "DELETE", headers });
    };
  }

  test("lobby_list.gd follows the list and reconnects when the hub restarts", async () => {
    const close = await createLobby("First");
    const list = atStack(fileBlock("docs/reference/events.md", "gdscript", "lobby_list.gd"));
    const godot = run({ "lobby_list.gd": list, "main.gd": LIST_MAIN });
    await godot.waitForLine(/^list: First$/);
    const closeSecond = await createLobby("Second");
    await godot.waitForLine(/^list: First,Second$/);
    await stack.killHub();
    await godot.waitForLine(/^lobby list: closed with/);
    await stack.startHub();
    await close();
    await godot.waitForLine(/^list: Second$/);
    await closeSecond();
    await godot.waitForLine(/^list: $/);
    expect(godot.lines.filter((line) => line.includes("4429"))).toStrictEqual([]);
    expect(godot.errors).toStrictEqual([]);
  });

  test("lobby.gd creates a lobby and prints its join code", async () => {
    const lobby = atStack(fileBlock("docs/guides/godot.md", "gdscript", "lobby.gd"));
    const godot = run({ "lobby.gd": lobby, "main.gd": LOBBY_MAIN });
    const code = /^join code: (\w{6})$/.exec(await godot.waitForLine(/^join code: /))?.[1];
    const { peer_token } = await createIdentity();
    const headers = { authorization: `Bearer ${peer_token}`, "content-type": "application/json" };
    const url = `${stack.url}/v1/games/default/join-by-code`;
    const joined = await fetch(url, { method: "POST", headers, body: JSON.stringify({ code }) });
    expect(await joined.json()).toMatchObject({ status: "joined", lobby: { name: "Nice" } });
    expect(godot.errors).toStrictEqual([]);
  });

  test("see.gd prints the endpoint at which the sidecar sees the socket, with a receipt", async () => {
    const { udp_token } = await createIdentity();
    const local = await freePort("udp");
    const main = SEE_MAIN.replace("TOKEN", udp_token)
      .replace("PORT", String(stack.udpPort()))
      .replace("LOCAL", String(local));
    const see = `extends RefCounted\n${fileBlock("docs/reference/wires/native.md", "gdscript", "see.gd")}`;
    const godot = run({ "see.gd": see, "main.gd": main });
    const [, endpoint, receipt] = /^seen: (\S+) (\S+)$/.exec(await godot.waitForLine(/^seen: /))!;
    expect(endpoint).toBe(`127.0.0.1:${local}`);
    expect(receipt!.length).toBeGreaterThan(30);
    expect(godot.errors).toStrictEqual([]);
  });

  test("publish.gd lists a registered noray host", async () => {
    const host = await NetfoxNoray.connectToHost("127.0.0.1", noray);
    try {
      await host.registerHost();
      expect(await host.registerRemote(stack.udpPort())).toBe("OK");
      const publish = `extends RefCounted\n${atStack(fileBlock("docs/guides/netfox.md", "gdscript", "publish.gd"))}`;
      const singleton = `extends Node\nvar oid := "${host.oid}"\nvar pid := "${host.pid}"\n`;
      const files = { "noray.gd": singleton, "publish.gd": publish, "main.gd": PUBLISH_MAIN };
      const godot = run(files, { Noray: "noray.gd" });
      expect(await godot.waitForLine(/^published: /)).toBe("published: 201");
      const [listed] = await stack.lobbies("wire=noray");
      expect(listed).toMatchObject({ name: "Forest brawl", join: { uri: `noray://127.0.0.1:${noray}/${host.oid}` } });
      expect(godot.errors).toStrictEqual([]);
    } finally {
      host.close();
    }
  });

  test("rendezvous.gd trusts the hub's certificate, hands its socket over and punches through it", async () => {
    const response = await fetch(`${stack.url}/v1/games/default/sidecars`);
    const { sidecars } = (await response.json()) as { sidecars: { dtls: { pem: string } }[] };
    const local = await freePort("udp");
    const main = DTLS_MAIN.replace("PEM", sidecars[0]!.dtls.pem)
      .replaceAll("PORT", String(stack.udpPort()))
      .replaceAll("LOCAL", String(local));
    const bob: RabidPlayer = await stack.player();
    const recipe = fileBlock("docs/guides/dtls.md", "gdscript", "rendezvous.gd", "extends RefCounted");
    const godot = run({ "rendezvous.gd": recipe, "main.gd": main });
    await bob.request("c:Recipe:Bob", "i:Alice:Bob");
    bob.startPinging("Recipe", "Bob");
    expect(await bob.waitFor(/^s:/)).toBe(`s:${bob.port}:Alice:127.0.0.1:${local}`);
    await bob.waitFor("hello");
    bob.sendTo("welcome", "127.0.0.1", local);
    await godot.waitForLine(new RegExp(`^received welcome from ${bob.port}$`));
    expect(godot.errors).toStrictEqual([]);
  });

  test("bytesToVar loses the types that docs/guides/steam.md names, and no value", async () => {
    const godot = run({ "main.gd": VALUES_MAIN });
    await godot.waitForLine(/^end$/);
    const encoded = godot.lines.flatMap((line) => {
      const [, type, base64] = /^value: (\w+) (\S+)$/.exec(line) ?? [];
      return base64 === undefined ? [] : [{ type, bytes: Uint8Array.from(Buffer.from(base64, "base64")) }];
    });
    // The type numbers of Godot 4: 1 bool, 2 int, 3 float, 4 String, 21 StringName, 27 Dictionary, 28 Array.
    const results = encoded.map(({ type, bytes }) => {
      const decoded = bytesToVar(bytes, 4);
      return [type, "fault" in decoded ? "fault" : [decoded.value, bytes[0], varToBytes(decoded.value, 4)[0]]];
    });
    expect(results).toStrictEqual([
      ["float", [1, 3, 2]],
      ["float", [1.5, 3, 3]],
      ["StringName", ["name", 21, 4]],
      ["Array", [[1, 2], 28, 28]],
      ["Dictionary", [new Map([["Ann", 7]]), 27, 27]],
      ["String", ["text", 4, 4]],
      ["int", [7, 2, 2]],
      ["bool", [true, 1, 1]],
      ["Nested", "fault"],
    ]);
    expect(varToBytes(new GodotFloat(1), 4)[0]).toBe(3);
    expect(godot.errors).toStrictEqual([]);
  });
});
