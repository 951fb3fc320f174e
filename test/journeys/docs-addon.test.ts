/** Runs the code blocks of the Godot addon's pages in real games with the addon, against a real deployment. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AddonProject, sceneOf } from "../support/addon-project.ts";
import { fileBlock } from "../support/doc-blocks.ts";
import { godot4IsMissing } from "../support/godot4.ts";
import { TestStack } from "../support/test-stack.ts";

const GODOTSTEAM = "docs/guides/migrate-from-godotsteam.md";

let stack: TestStack;
let project: AddonProject;

describe.skipIf(godot4IsMissing())("pages of the Godot addon", () => {
  beforeAll(async () => {
    stack = await TestStack.open({ settings: { PARLEY_PORTS: "PORT=native", PARLEY_ADDRESSES: "127.0.0.1" } });
    // The address is a project setting; here it is set before the first scene.
    const url = `extends Node\nfunc _enter_tree() -> void:\n\tParley.url = "${stack.url}"\n\tParley.keep_identity = false\n`;
    project = new AddonProject(
      {
        "url.gd": url,
        "party.gd": fileBlock(GODOTSTEAM, "gdscript", "party.gd"),
        "party.tscn": sceneOf("party.gd"),
      },
      { Url: "url.gd", Messages: "addons/parley/messages/parley_messages.gd" },
    );
  });
  afterAll(async () => {
    await project?.close();
    await stack?.close();
  });

  test("the P2P tutorial's script, with Steam replaced, runs between two games", async () => {
    const ann = project.run("res://party.tscn");
    const [, code] = await ann.waitForLine(/^invitation: (\w{6})$/);
    const bob = project.run("res://party.tscn", "--", "+join", code!);
    const [, id] = await ann.waitForLine(/^Message from (\d+): /);
    await bob.waitForLine(/^Message from 1: /);
    const said = (name: string): string => `{ "message": "handshake", "from": "${name}" }`;
    expect(ann.lines).toStrictEqual([
      `invitation: ${code}`,
      "Bob is requesting a P2P session",
      `Message from ${id}: ${said("Bob")}`,
    ]);
    expect(bob.lines).toStrictEqual([`Message from 1: ${said("Ann")}`]);
  });
});
