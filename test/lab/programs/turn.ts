/**
 * A TURN server: `turn.ts COMMAND SECRET ADDRESS PORTS`. Runs the shell command with `TURN_SECRET`, and prints
 * `{ ready: true }` when the server listens on these TCP ports, which are joined by commas.
 */
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { setTimeout as passes } from "node:timers/promises";
import { onLine, sendLine } from "./json-lines.ts";

const [command, secret, address, ports] = process.argv.slice(2) as [string, string, string, string];
const env = { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`, TURN_SECRET: secret };
// The shell becomes the server, and so the server gets the signal.
const server = spawn("sh", ["-c", `exec ${command}`], { env, stdio: ["ignore", "ignore", "inherit"] });
server.once("exit", (code) => {
  throw new Error(`the TURN server ended with ${code}`);
});
onLine(
  () => {},
  () => void server.removeAllListeners("exit").kill(),
);
for (const port of ports.split(",")) while (!(await isOpen(Number(port)))) await passes(50);
sendLine({ ready: true });

function isOpen(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, address);
    socket.once("connect", () => done(true)).once("error", () => done(false));
    socket.once("connect", () => socket.destroy());
  });
}
