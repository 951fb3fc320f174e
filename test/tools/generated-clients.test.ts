/**
 * Clients that NSwag generates from docs/openapi.json, in C# and TypeScript, compile together with code that uses them.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hasMono } from "../support/programs.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const NSWAG = join(ROOT, "node_modules/nswag/bin/binaries/Win");
const run = promisify(execFile);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-clients-"));
  await cp(join(ROOT, "docs/openapi.json"), join(folder, "openapi.json"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const generate = (...args: readonly string[]) =>
  run("/usr/bin/mono", [join(NSWAG, "NSwag.exe"), ...args, "/input:openapi.json"], { cwd: folder });

const GAME_CS = `
using System.Collections.Generic;
using System.Net.Http;
using System.Threading.Tasks;
using Parley;

public static class Game
{
    public static async Task<string> Play(HttpClient http)
    {
        var hub = new Client(http) { BaseUrl = "https://hub.example" };
        var peer = await hub.CreatePeerAsync(new NewPeer(), "arena");
        http.DefaultRequestHeaders.Add("authorization", "Bearer " + peer.Peer_token);
        var members = new Member_count { Gte = "2" };
        var joined = await hub.JoinAsync(null, new Joining { Member_name = "Ann" }, "arena", "0-abc");
        return joined.Lobby.Name + members.Gte;
    }
}
`;

const GAME_TS = `
import { Client, type Joining, type NewPeer } from "./client";

export async function play(): Promise<string> {
  const hub = new Client("https://hub.example");
  const peer = await hub.createPeer({} satisfies NewPeer, "arena");
  const joined = await hub.join(undefined, { member_name: "Ann" } satisfies Joining, "arena", "0-abc");
  return joined.lobby.name + peer.peer_id;
}
`;

test.runIf(hasMono)("a C# client is generated and compiles with a game", async () => {
  await generate("openapi2csclient", "/namespace:Parley", "/output:Client.cs");
  await writeFile(join(folder, "Game.cs"), GAME_CS);
  const assemblies = ["System.Net.Http", "System.ComponentModel.DataAnnotations", "System.Runtime.Serialization"];
  const references = [join(NSWAG, "Newtonsoft.Json.dll"), ...assemblies].map((name) => `-r:${name}`);
  const options = ["-langversion:latest", "-target:library", "-out:game.dll", "-nowarn:108", ...references];
  const compiled = await run("/usr/bin/mcs", [...options, "Client.cs", "Game.cs"], { cwd: folder });
  expect(compiled.stdout + compiled.stderr).not.toContain("error");
});

test.runIf(hasMono)("a TypeScript client is generated and compiles with a game", async () => {
  await generate("openapi2tsclient", "/template:Fetch", "/typeStyle:Interface", "/output:client.ts");
  await writeFile(join(folder, "game.ts"), GAME_TS);
  const language = ["--target", "ES2022", "--lib", "ES2022,DOM", "--module", "ESNext", "--moduleResolution", "bundler"];
  const checks = ["--noEmit", "--strict", "--skipLibCheck", "--ignoreConfig"];
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const compiled = await run(process.execPath, [tsc, ...language, ...checks, "game.ts"], { cwd: folder }).catch(
    (error: { stdout: string }) => error,
  );
  expect(compiled.stdout).toBe("");
});
