/**
 * Another program on a host: `exec.ts ENV-AS-JSON COMMAND [ARGUMENT ...]`. Says `{ began: true }`, and in the end
 * `{ code, out }` with all that it said.
 */
import { spawn } from "node:child_process";
import { onLine, sendLine } from "./json-lines.ts";

const [env = "{}", command = "", ...args] = process.argv.slice(2);
const all = { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`, ...(JSON.parse(env) as Record<string, string>) };
const child = spawn(command, args, { env: all, stdio: ["ignore", "pipe", "pipe"] });
let out = "";
for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (out += bytes.toString()));
child.once("error", (error) => sendLine({ code: -1, out: error.message }));
child.once("close", (code) => sendLine({ code, out }));
onLine(
  () => {},
  () => void child.kill(),
);
sendLine({ began: true });
