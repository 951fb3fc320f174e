/** Runs the code blocks of the Godot guide in real games with the addon, against a real deployment. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AddonProject, type Game, sceneOf } from "../support/addon-project.ts";
import { blocksOf, fileBlock } from "../support/doc-blocks.ts";
import { godot4IsMissing } from "../support/godot4.ts";
import { NATIVE, TestStack } from "../support/test-stack.ts";

const GUIDE = "docs/guides/godot.md";
const README = "clients/godot/addons/parley/README.md";

/** The menu's nodes, a player who presses its buttons, and what the game then does without another line. */
const PRESSER = `extends "res://MENU"
func _ready() -> void:
	for name: String in ["Code", "Status"]:
		var line := LineEdit.new()
		line.name = name
		add_child(line)
	multiplayer.peer_connected.connect(func(id: int) -> void: print("connected ", id))
	var words := OS.get_cmdline_user_args()
	if words.size() == 0:
		await _on_host_pressed()
		print("code ", $Code.text)
	else:
		$Code.text = words[0]
		await _on_join_pressed()
		print("status [", $Status.text, "]")
		if multiplayer.get_unique_id() != 1:
			hello.rpc_id(1, "from " + str(multiplayer.get_unique_id()))
@rpc("any_peer") func hello(text: String) -> void:
	print("rpc ", text)
	if multiplayer.is_server():
		hello.rpc("to all")
`;

const CALLER = `extends "res://lobbies.gd"
func _ready() -> void:
	Parley.chat_received.connect(func(_id: int, text: String) -> void: print("chat ", text))
	for name in OS.get_cmdline_user_args():
		await call(name)
		print("done ", name, " ", Parley.lobby.name if Parley.lobby != null else "", " ", Parley.why)
`;

const MATCH = `extends "res://match.gd"
func _ready() -> void:
	super()
	scores = {"Ann": 3}
	var words := OS.get_cmdline_user_args()
	if words.size() == 0:
		await Parley.host("Match", 4)
		print("code ", Parley.lobby.code)
		Parley.player_joined.connect(func(_id: int, _name: String) -> void:
			await get_tree().create_timer(4.0).timeout
			get_tree().quit())
	else:
		scores = {}
		await Parley.join(words[0])
		print("joined ", Parley.why)
`;

let stack: TestStack;
let project: AddonProject;

describe.skipIf(godot4IsMissing())("the Godot guide", () => {
  beforeAll(async () => {
    stack = await TestStack.open({ settings: NATIVE });
    const url = `extends Node\nfunc _enter_tree() -> void:\n\tParley.url = "${stack.url}"\n\tParley.keep_identity = false\n`;
    const [readme = ""] = blocksOf(README, "gdscript");
    project = new AddonProject(
      {
        "url.gd": url,
        "menu.gd": fileBlock(GUIDE, "gdscript", "menu.gd"),
        "readme.gd": `extends Control\n${readme}`,
        "presser.gd": PRESSER.replace("MENU", "menu.gd"),
        "presser.tscn": sceneOf("presser.gd", "Control"),
        "reader.gd": PRESSER.replace("MENU", "readme.gd"),
        "reader.tscn": sceneOf("reader.gd", "Control"),
        "lobbies.gd": fileBlock(GUIDE, "gdscript", "lobbies.gd"),
        "caller.gd": CALLER,
        "caller.tscn": sceneOf("caller.gd"),
        "invited.gd": fileBlock(GUIDE, "gdscript", "invited.gd"),
        "invited.tscn": sceneOf("invited.gd"),
        "match.gd": fileBlock(GUIDE, "gdscript", "match.gd"),
        "play.gd": MATCH,
        "play.tscn": sceneOf("play.gd"),
      },
      { Url: "url.gd" },
    );
  });
  afterAll(async () => {
    await project?.close();
    await stack?.close();
  });

  test.for(["presser", "reader"])("ten lines connect two games, and an @rpc goes both ways (%s)", async (scene) => {
    const host = project.run(`res://${scene}.tscn`);
    const [, code] = await host.waitForLine(/^code (\w{6})$/);
    const guest = project.run(`res://${scene}.tscn`, "--", code!);
    await guest.waitForLine(/^status \[\]$/);
    await host.waitForLine(/^connected \d+$/);
    await host.waitForLine(/^rpc from \d+$/);
    await guest.waitForLine(/^rpc to all$/);
    const late = project.run(`res://${scene}.tscn`, "--", "ZZZZZZ");
    await late.waitForLine(/^status \[.{10,}\]$/);
    expect([host, guest, late].flatMap(({ errors }) => errors)).toStrictEqual([]);
  });

  test("lobbies are opened, found, joined and changed", async () => {
    const friends = project.run("res://caller.tscn", "--", "open_for_friends", "begin");
    const [, code] = await friends.waitForLine(/^invite with (\w{6}) or parley:\/\/join\/\w{6}$/);
    await friends.waitForLine(/^done begin Friends $/);
    const invited = project.run("res://invited.tscn", "--", "+join", code!);
    await invited.waitForLine(/password/i);
    const all = project.run("res://caller.tscn", "--", "open_for_all");
    await all.waitForLine(/^done open_for_all Everybody $/);
    const finder = project.run("res://caller.tscn", "--", "find_and_join", "begin");
    await finder.waitForLine(/^Everybody 1 of 8$/);
    await finder.waitForLine(/^done find_and_join Everybody $/);
    await all.waitForLine(/^chat Good luck!$/);
    const anybody = project.run("res://caller.tscn", "--", "play_with_anybody");
    await anybody.waitForLine(/^done play_with_anybody Everybody $/);
    expect([friends, invited, all, finder, anybody].flatMap(({ errors }) => errors)).toStrictEqual([]);
  });

  test("the next host has the state of the one before", async () => {
    const host: Game = project.run("res://play.tscn");
    const [, code] = await host.waitForLine(/^code (\w{6})$/);
    const guest = project.run("res://play.tscn", "--", code!);
    await guest.waitForLine(/^joined $/);
    await guest.waitForLine(/^hosting with \{ "Ann": 3 \}$/);
    expect(await host.exited).toBe(0);
    expect([host, guest].flatMap(({ errors }) => errors)).toStrictEqual([]);
  });
});
