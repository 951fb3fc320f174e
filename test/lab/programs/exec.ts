/**
 * Any other command on a host: `exec.ts ENV-AS-JSON COMMAND [ARGUMENT ...]`. Prints `{ began: true }`, and at its end
 * `{ code, out }` with the exit code and all output.
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
