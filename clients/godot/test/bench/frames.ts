/**
 * `node clients/godot/test/bench/frames.ts`: how long the Godot addon holds a frame, by what it does (frames.gd). The hub is
 * behind TLS and has a list of 500 lobbies.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { Godot4, importProject } from "../../../../test/support/godot4.ts";
import { openStack } from "./stack.ts";

const LOBBIES = 500;
const PATIENCE_MS = 300_000;

/** Certificates as public authorities issue them: the leaf and the intermediate one are signed on P-384. */
function makeChain(folder: string): void {
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const key = (curve: string): string[] => ["-newkey", "ec", "-pkeyopt", `ec_paramgen_curve:${curve}`, "-nodes"];
  openssl("req", "-x509", ...key("P-384"), "-keyout", "root.key", "-out", "root.crt", "-subj", "/CN=root");
  for (const [name, by, curve, extension] of [
    ["middle", "root", "P-384", "basicConstraints=critical,CA:true"],
    ["leaf", "middle", "P-256", "subjectAltName=IP:127.0.0.1"],
  ] as const) {
    writeFileSync(join(folder, "extensions"), extension);
    openssl("req", ...key(curve), "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    const signed = ["-CA", `${by}.crt`, "-CAkey", `${by}.key`, "-CAcreateserial", "-extfile", "extensions"];
    openssl("x509", "-req", "-in", `${name}.csr`, ...signed, "-out", `${name}.crt`);
  }
  const chain = ["leaf.crt", "middle.crt"].map((name) => readFileSync(join(folder, name), "utf8"));
  writeFileSync(join(folder, "chain.crt"), chain.join(""));
}

async function post(url: string, body: object, token?: string): Promise<Record<string, unknown>> {
  const headers = {
    "content-type": "application/json",
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as Record<string, unknown>;
}

async function fillList(url: string): Promise<void> {
  const api = `${url}/v1/games/default`;
  const data = { map: "forest", mode: "deathmatch", region: "europe-west", build: "1.4.0-rc2" };
  for (let at = 0; at < LOBBIES; at++) {
    const { peer_token } = await post(`${api}/peers`, {});
    await post(`${api}/lobbies`, { name: `A lobby with the number ${at}`, seats: 8, data }, String(peer_token));
  }
}

importProject();
const stack = await openStack();
try {
  makeChain(stack.folder);
  const [key, cert] = ["leaf.key", "chain.crt"].map((name) => readFileSync(join(stack.folder, name)));
  const front = createServer({ key, cert }, (socket) => {
    const hub = connect(stack.port, "127.0.0.1");
    socket
      .on("error", () => hub.destroy())
      .pipe(hub)
      .on("error", () => socket.destroy())
      .pipe(socket);
  }).listen(0, "127.0.0.1");
  await once(front, "listening");
  await fillList(stack.url);
  const url = `https://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const game = new Godot4({ scene: "res://test/bench/frames.tscn", args: [url, join(stack.folder, "root.crt")] });
  await game.line((line) => "done" in line || "failed" in line, { within_ms: PATIENCE_MS });
  await game.end();
  console.table(game.lines.filter((line) => !("done" in line)));
  console.log(game.complaints.join("\n"));
  front.close();
} finally {
  await stack.close();
}
