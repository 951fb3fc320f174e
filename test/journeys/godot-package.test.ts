/** The zip of the Godot addon, in a project as a game has it, and the XML that Godot makes of the addon's comments. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkContents, packageGodot } from "../../tools/package-godot.ts";
import { godot4, godot4IsMissing, importProject, PROJECT } from "../support/godot4.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-package-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function godot(...args: string[]): { status: number | null; output: string } {
  const env = { PATH: process.env["PATH"], HOME: folder };
  const { status, stdout, stderr } = spawnSync(godot4!, ["--headless", ...args], {
    env,
    encoding: "utf8",
    timeout: 110_000,
  });
  return { status, output: stdout + stderr };
}

const faults = (output: string): string[] => output.match(/^(SCRIPT ERROR|ERROR|WARNING).*/gm) ?? [];

test("contents that the asset library would refuse are refused", () => {
  const whole = ["LICENSE", "README.md", "CHANGELOG.md", "plugin.cfg", "plugin.gd", "plugin.gd.uid", "icon.svg"]
    .concat("icon.svg.import")
    .map((file) => `addons/parley/${file}`);
  expect(() => checkContents(whole)).not.toThrow();
  expect(() => checkContents([...whole, "project.godot"])).toThrow("outside");
  for (const file of ["LICENSE", "plugin.gd.uid", "icon.svg.import"]) {
    const rest = whole.filter((one) => one !== `addons/parley/${file}`);
    expect(() => checkContents(rest)).toThrow(file.replace(/\.(uid|import)$/, ""));
  }
});

describe.skipIf(godot4IsMissing())("the package", { timeout: 120_000 }, () => {
  test("has the addon alone, and works in an empty project", () => {
    const zip = join(folder, "parley.zip");
    const files = packageGodot(zip);
    const listed = execFileSync("unzip", ["-Z1", zip], { encoding: "utf8" });
    expect(
      listed
        .split("\n")
        .filter((path) => path !== "" && !path.endsWith("/"))
        .toSorted(),
    ).toStrictEqual(files.toSorted());
    const game = join(folder, "game");
    mkdirSync(game);
    execFileSync("unzip", ["-q", zip, "-d", game]);
    const plugin = `config_version=5\n[editor_plugins]\nenabled=PackedStringArray("res://addons/parley/plugin.cfg")\n`;
    writeFileSync(join(game, "project.godot"), plugin);
    const main = `extends SceneTree\nfunc _initialize() -> void:\n\tvar one: Node = root.get_node("Parley")\n\tprint("parley ", one.get("lobby"))\n\tprint("browser ", load("res://addons/parley/ui/parley_lobby_browser.tscn").can_instantiate())\n\tquit()\n`;
    writeFileSync(join(game, "main.gd"), main);
    expect(faults(godot("--path", game, "--import").output)).toStrictEqual([]);
    expect(readFileSync(join(game, "project.godot"), "utf8")).toMatch(/\[autoload\]\s+Parley=/);
    const { status, output } = godot("--path", game, "--script", "res://main.gd");
    expect(output).toContain("parley <null>");
    expect(output).toContain("browser true");
    expect(faults(output)).toStrictEqual([]);
    expect(status).toBe(0);
  });
});

describe.skipIf(godot4IsMissing())("the addon's documentation", { timeout: 120_000 }, () => {
  const documented = new Map<string, string>();

  beforeAll(() => {
    importProject();
    const out = join(folder, "xml");
    mkdirSync(out);
    const { output } = godot(
      "--path",
      PROJECT,
      "--doctool",
      out,
      "--no-docbase",
      "--gdscript-docs",
      "res://addons/parley",
    );
    expect(faults(output)).toStrictEqual([]);
    for (const file of readdirSync(out))
      documented.set(file.replace(/\.xml$/, ""), readFileSync(join(out, file), "utf8"));
  });

  test("every class has a description", () => {
    // Inner classes have a dot, and are described by the class around them.
    const bare = [...documented].filter(
      ([name, xml]) => !name.includes(".") && /<brief_description>\s*<\/brief_description>/.test(xml),
    );
    expect(documented.size).toBeGreaterThan(40);
    expect(bare.map(([name]) => name)).toStrictEqual([]);
  });

  test("every reference leads somewhere", () => {
    const missing: string[] = [];
    for (const [name, xml] of documented) {
      for (const [whole, kind, target] of xml.matchAll(/\[(method|member|signal|constant|enum) ([A-Za-z0-9_.@]+)\]/g)) {
        const [owner = name, member = ""] = target!.includes(".") ? target!.split(".") : [name, target];
        const there = documented.get(owner);
        // Godot's own classes are not in the folder.
        if (there === undefined && owner.startsWith("Parley")) missing.push(`${name}: ${whole}`);
        const tag = kind === "enum" ? `enum="` : `name="`;
        if (there !== undefined && !there.includes(`${tag}${member}"`)) missing.push(`${name}: ${whole}`);
      }
      for (const [whole, owner] of xml.matchAll(/\[(Parley\w+)\]/g))
        if (!documented.has(owner!)) missing.push(`${name}: ${whole}`);
    }
    expect(missing).toStrictEqual([]);
  });

  test("what games call is described", () => {
    const bare: string[] = [];
    for (const name of ["ParleySession", "ParleyMessages", "ParleyLan", "ParleyLobbyBrowser", "ParleyLobby"]) {
      const xml = documented.get(name)!;
      for (const [, kind, member, body] of xml.matchAll(/<(method|signal) name="([a-z]\w*)"[^>]*>(.*?)<\/\1>/gs))
        if (kind === "method" && /<description>\s*<\/description>/.test(body!)) bare.push(`${name}.${member}`);
    }
    expect(bare).toStrictEqual([]);
  });
});
