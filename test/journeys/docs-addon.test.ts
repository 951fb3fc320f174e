/** Runs the code blocks of the Godot addon's pages in real games with the addon, against a real deployment. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AddonProject, sceneOf } from "../support/addon-project.ts";
import { blocksOf, fileBlock } from "../support/doc-blocks.ts";
import { godot4IsMissing } from "../support/godot4.ts";
import { NATIVE, TestStack } from "../support/test-stack.ts";

const GODOTSTEAM = "docs/guides/migrate-from-godotsteam.md";
const README = "clients/godot/addons/parley/README.md";
const PAGES = [
  README,
  GODOTSTEAM,
  "docs/guides/migrate-from-enet.md",
  "docs/guides/migrate-from-netfox-noray.md",
  "docs/guides/migrate-from-nodetunnel.md",
];

const asScript = (block: string): string => (/^extends /m.test(block) ? block : `extends Node\n${block}`);

/** The scene of a block: its script, and what its `$` paths name. */
const sceneWith = (script: string): string =>
  `${sceneOf(script)}[node name="Code" type="LineEdit" parent="."]\n[node name="Status" type="Label" parent="."]\n` +
  `[node name="Notes" type="Label" parent="."]\n`;

/** Presses the buttons of the page's scene, and prints what a player would see. */
const DRIVER = `extends Node
func _ready() -> void:
	multiplayer.peer_connected.connect(func(id: int) -> void: print("connected ", id))
	var words := OS.get_cmdline_user_args()
	await get_tree().process_frame
	var game := get_tree().current_scene
	if words.has("--load"):
		for file in DirAccess.get_files_at("res://blocks"):
			if file.ends_with(".gd"):
				var script := load("res://blocks/" + file) as GDScript
				print(file, " ", script != null and script.can_instantiate())
		get_tree().quit()
	elif words.has("--host"):
		await game._on_host_pressed()
		print("code: ", game.get_node("Code").text)
	elif words.has("--join"):
		game.get_node("Code").text = words[words.find("--join") + 1]
		await game._on_join_pressed()
		print("status: ", game.get_node("Status").text)
`;

let stack: TestStack;
let project: AddonProject;
const blocks = PAGES.flatMap((page) => blocksOf(page, "gdscript").map((block, at) => ({ page, at, block })));

describe.skipIf(godot4IsMissing())("pages of the Godot addon", { timeout: 60_000 }, () => {
  beforeAll(async () => {
    stack = await TestStack.open({ settings: NATIVE });
    // The address is a project setting; here it is set before the first scene.
    const url = `extends Node\nfunc _enter_tree() -> void:\n\tParley.url = "${stack.url}"\n\tParley.keep_identity = false\n`;
    const files = Object.fromEntries(blocks.map(({ block }, at) => [`blocks/block${at}.gd`, asScript(block)]));
    const scenes = Object.fromEntries(blocks.map((_, at) => [`scene${at}.tscn`, sceneWith(`blocks/block${at}.gd`)]));
    project = new AddonProject(
      {
        ...files,
        ...scenes,
        "url.gd": url,
        "driver.gd": DRIVER,
        "party.gd": fileBlock(GODOTSTEAM, "gdscript", "party.gd"),
        "party.tscn": sceneOf("party.gd"),
      },
      { Url: "url.gd", Messages: "addons/parley/messages/parley_messages.gd", Driver: "driver.gd" },
    );
  });
  afterAll(async () => {
    await project?.close();
    await stack?.close();
  });

  test("every block is a script that Godot loads", async () => {
    const game = project.run("res://scene0.tscn", "--", "--load");
    await game.exited;
    const loaded = game.lines.filter((line) => line.startsWith("block"));
    expect(loaded.toSorted()).toStrictEqual(blocks.map((_, at) => `block${at}.gd true`).toSorted());
    expect(game.errors).toStrictEqual([]);
  });

  test.for(
    blocks.flatMap(({ page, at, block }, index) => (/func _on_host_pressed/.test(block) ? [{ page, at, index }] : [])),
  )("$page, block $at: host and join by the code that the host sees", async ({ index }) => {
    const host = project.run(`res://scene${index}.tscn`, "--", "--host");
    const [, code] = await host.waitForLine(/^code: (\S+)$/);
    const guest = project.run(`res://scene${index}.tscn`, "--", "--join", code!);
    await guest.waitForLine(/^connected 1$/);
    await host.waitForLine(/^connected \d+$/);
    expect([...host.errors, ...guest.errors]).toStrictEqual([]);
    await Promise.all([host.kill(), guest.kill()]);
  });

  test("a wrong code is answered with a sentence", async () => {
    const index = blocks.findIndex(({ page }) => page === "docs/guides/migrate-from-nodetunnel.md");
    const guest = project.run(`res://scene${index}.tscn`, "--", "--join", "ZZZZZZ");
    const [, sentence] = await guest.waitForLine(/^status: (.+)$/);
    expect(sentence).toBe("No lobby has this join code.");
  });

  test("the P2P tutorial's script, with Steam replaced, runs between two games", async () => {
    const ann = project.run("res://party.tscn");
    const [, code] = await ann.waitForLine(/^invitation: (\w{6})$/);
    const bob = project.run("res://party.tscn", "--", "+join", code!);
    const [, id] = await ann.waitForLine(/^Message from (\d+): /);
    await bob.waitForLine(/^Message from 1: /);
    const said = (name: string): string => `{ "message": "handshake", "from": "${name}" }`;
    const spoken = (lines: string[]): string[] => lines.filter((line) => !line.startsWith("connected "));
    expect(spoken(ann.lines)).toStrictEqual([
      `invitation: ${code}`,
      "Bob is requesting a P2P session",
      `Message from ${id}: ${said("Bob")}`,
    ]);
    expect(spoken(bob.lines)).toStrictEqual([`Message from 1: ${said("Ann")}`]);
  });
});
