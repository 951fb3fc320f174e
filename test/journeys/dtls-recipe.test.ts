/** Runs the Godot 3 recipe of docs/guides/dtls.md exactly as written. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../../tools/run/ports.ts";
import type { RabidPlayer } from "../../tools/run/rabid-player.ts";
import { TestStack } from "../support/test-stack.ts";
import { godot3, hasGodot3 } from "../support/programs.ts";

const GUIDE = join(import.meta.dirname, "../../docs/guides/dtls.md");

/** Fetches the certificate as a game does, hosts over DTLS, starts, releases the socket and greets its peer. */
const GAME = `
extends SceneTree

func _init():
	var file = File.new()
	file.open("user://rendezvous.crt", File.WRITE)
	file.store_string(OS.get_environment("PEM"))
	file.close()
	var Rendezvous = load("res://rendezvous.gd")
	var port = int(OS.get_environment("PORT"))
	var local = int(OS.get_environment("LOCAL"))
	var rendezvous = Rendezvous.new("127.0.0.1", port, load("user://rendezvous.crt"), "rendezvous", local)
	var asked = 0
	var peer = ""
	while peer == "" and OS.get_ticks_msec() < 30000:
		OS.delay_msec(16)
		if not rendezvous.poll():
			continue
		if OS.get_ticks_msec() - asked > 400:
			asked = OS.get_ticks_msec()
			rendezvous.send("p:Recipe:Alice" if "i:Alice" in rendezvous.messages else "h:Recipe:Alice:2")
			if "i:Alice:Bob" in rendezvous.messages:
				rendezvous.send("s:Recipe:Alice")
		for message in rendezvous.messages:
			if message.begins_with("s:"):
				peer = message
	var game = rendezvous.hand_over()
	var words = peer.split(":")
	game.set_dest_address(words[3], int(words[4]))
	for _n in range(100):
		game.put_packet("hello".to_utf8())
		while game.get_available_packet_count() > 0:
			var packet = game.get_packet()
			if game.get_packet_port() != port:
				print("heard ", packet.get_string_from_utf8(), " from ", game.get_packet_port())
				quit()
				return
		OS.delay_msec(100)
	quit()
`;

describe.skipIf(!hasGodot3)("the recipe for Godot 3", () => {
  let stack: TestStack;
  let folder: string;
  let bob: RabidPlayer;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "parley-recipe-"));
    stack = await TestStack.open({ settings: { PARLEY_DTLS: "on", PARLEY_STATE: folder } });
    bob = await stack.player();
  });
  afterEach(async () => {
    await stack?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("trusts the served certificate, starts its session, and punches through the released socket", async () => {
    const recipe = /```gdscript\n# rendezvous\.gd\n(extends Reference\n[\s\S]+?)```/.exec(
      readFileSync(GUIDE, "utf8"),
    )![1]!;
    writeFileSync(join(folder, "rendezvous.gd"), recipe);
    writeFileSync(join(folder, "game.gd"), GAME);
    writeFileSync(join(folder, "project.godot"), "config_version=4\n");
    const response = await fetch(`${stack.url}/v1/games/default/sidecars`);
    const { sidecars } = (await response.json()) as { sidecars: { dtls: { pem: string } }[] };
    const local = await freePort("udp");
    const env = {
      PATH: process.env["PATH"],
      HOME: folder,
      PEM: sidecars[0]!.dtls.pem,
      PORT: String(stack.udpPort()),
      LOCAL: String(local),
    };
    const game = new Promise<string>((done) => {
      execFile(godot3, ["-s", "game.gd"], { cwd: folder, env, timeout: 100_000 }, (_, out) => done(out));
    });
    await bob.request("c:Recipe:Bob", "i:Alice:Bob");
    bob.startPinging("Recipe", "Bob");
    expect(await bob.waitFor(/^s:/)).toBe(`s:${bob.port}:Alice:127.0.0.1:${local}`);
    await bob.waitFor("hello");
    bob.sendTo("welcome", "127.0.0.1", local);
    expect(await game).toContain(`heard welcome from ${bob.port}`);
  });
});
