/** The page on WebRTC signals: its Godot script signs and verifies what the client does, and its node loads. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SignalSeal } from "../../clients/typescript/src/webrtc/signal-seal.ts";
import { fileBlock } from "../support/doc-blocks.ts";
import { godot4, godot4IsMissing } from "../support/godot4.ts";

const PAGE = "docs/reference/webrtc.md";
const ID = "0-7f0a1b2c3d4e5f6g7h8i9jakbl";
const OFFER = { type: "offer", sdp: "v=0\r\na=fingerprint:sha-256 AB\r\n" } as const;
const CANDIDATE = { candidate: "candidate:1 1 udp 1 192.0.2.7 5 typ host", sdpMid: "0", sdpMLineIndex: 0 };

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-godot-webrtc-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Prints a sealed signal, what it opens of each argument, and whether the node's script loads. */
const PROGRAM = `
extends SceneTree

func _init() -> void:
	var words := OS.get_cmdline_user_args()
	var introduction := {"connection_id": words[0], "pair_key": {"key": words[1], "role": "a"}, "relay": "auto"}
	var signals: RefCounted = load("res://webrtc_signals.gd").new(introduction)
	var sealed: String = signals.seal({"description": {"type": "answer", "sdp": "v=0"}, "candidates": []})
	var opened := []
	for word in words.slice(2):
		opened.append(signals.open(word))
	var node: Node = load("res://webrtc_peer.gd").new()
	print("RESULT ", JSON.stringify({"sealed": sealed, "opened": opened, "node": node.has_method("start")}))
	node.free()
	quit()
`;

describe.skipIf(godot4IsMissing())("a Godot game by hand", { timeout: 60_000 }, () => {
  test("signs signals that the client verifies, and opens the client's, but neither forged nor repeated ones", async () => {
    for (const name of ["webrtc_signals.gd", "webrtc_peer.gd"]) {
      writeFileSync(join(folder, name), fileBlock(PAGE, "gdscript", name));
    }
    writeFileSync(join(folder, "main.gd"), PROGRAM);
    writeFileSync(join(folder, "project.godot"), '[application]\nconfig/name="signals"\n');
    const key = randomBytes(32).toString("base64url");
    const seal = await SignalSeal.open(ID, key, "b");
    const first = await seal.seal({ description: OFFER, candidates: [CANDIDATE] });
    const second = await seal.seal({ candidates: [CANDIDATE] });
    const reflected = await (await SignalSeal.open(ID, key, "a")).seal({ candidates: [CANDIDATE] });
    const told = [first, first, second.replace("192.0.2.7", "192.0.2.8"), reflected, second];
    const args = ["--headless", "--path", folder, "--script", "main.gd", "--", ID, key, ...told];
    const { stdout, stderr } = spawnSync(godot4!, args, { encoding: "utf8", timeout: 50_000 });
    const [, json] = /^RESULT (.*)$/m.exec(stdout) ?? [];
    expect(json, stdout + stderr).toBeDefined();
    const { sealed, opened, node } = JSON.parse(json!) as { sealed: string; opened: object[]; node: boolean };
    expect(await seal.open(sealed)).toMatchObject({ description: { type: "answer", sdp: "v=0" }, candidates: [] });
    expect(opened[0]).toMatchObject({ connection_id: ID, description: OFFER, candidates: [CANDIDATE] });
    expect(opened.slice(1, 4)).toStrictEqual([{}, {}, {}]);
    expect(opened[4]).toMatchObject({ candidates: [CANDIDATE] });
    expect(node).toBe(true);
  });
});
