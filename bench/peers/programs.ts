/** The servers that Parley is compared with, started from checkouts that the user provides. */
import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePort } from "../../tools/run/ports.ts";
import { startProcess, stopProcess } from "../../tools/run/processes.ts";
import { STUN } from "../udp/requests.ts";

/** A running server. `port`: of its UDP wire, `tcp`: of noray's commands. */
export type PeerServer = {
  readonly process: ChildProcess;
  readonly port: number;
  readonly tcp: number;
  readonly stop: () => Promise<void>;
};

/** Dowsett's server has its port in its source. */
const DOWSETT_PORT = 5_160;
const START_MS = 15_000;
const ASK_EVERY_MS = 100;

/** The folder's programs; null for one that is not there. */
export const PEERS = {
  rabid: async (folder: string) => {
    const port = await freePort("udp");
    return startPython(join(folder, "rabid/main.py"), [String(port)], port, Buffer.from("p:Nobody:Nobody"));
  },
  dowsett: (folder: string) =>
    startPython(join(folder, "dowsett/godot-server.py"), [], DOWSETT_PORT, Buffer.from('{"__sender-name":"a"}'), false),
  noray: async (folder: string): Promise<PeerServer | null> => {
    const program = join(folder, "noray/bin/noray.mjs");
    if (!existsSync(program)) return null;
    const [port, tcp, http] = [await freePort("udp"), await freePort("tcp"), await freePort("tcp")];
    const child = startProcess(process.execPath, [program], {
      NODE_ENV: "production",
      NORAY_SOCKET_HOST: "127.0.0.1",
      NORAY_SOCKET_PORT: String(tcp),
      NORAY_HTTP_HOST: "127.0.0.1",
      NORAY_HTTP_PORT: String(http),
      NORAY_UDP_REGISTRAR_PORT: String(port),
      NORAY_UDP_RELAY_PORTS: "20000-20015",
      NORAY_LOGLEVEL: "silent",
    });
    return answering(child, port, tcp, Buffer.from("no such pid"));
  },
  /** An echo in C, compiled here: no server of this kind does more. */
  limit: async (): Promise<PeerServer | null> => {
    const compiler = onPath("cc");
    if (compiler === undefined) return null;
    const port = await freePort("udp");
    const program = join(await mkdtemp(join(tmpdir(), "parley-peer-")), "echo");
    execFileSync(compiler, ["-O2", "-o", program, join(import.meta.dirname, "../programs/echo.c")]);
    return answering(startProcess(program, [String(port)], {}), port, 0, Buffer.from("echo"));
  },
  coturn: async (): Promise<PeerServer | null> => {
    const program = onPath("turnserver");
    if (program === undefined) return null;
    const port = await freePort("udp");
    const listen = ["--listening-ip=127.0.0.1", `--listening-port=${port}`, "--relay-ip=127.0.0.1"];
    const quiet = ["--stun-only", "--no-tls", "--no-dtls", "--no-cli", "--no-stdout-log", "--log-file=/dev/null"];
    return answering(startProcess(program, ["-n", ...listen, ...quiet], {}), port, 0, STUN);
  },
} as const;

const onPath = (name: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

/** Python finds Twisted in PYTHONPATH; PYTHON names another interpreter. */
async function startPython(
  program: string,
  args: readonly string[],
  port: number,
  question: Uint8Array,
  answers = true,
): Promise<PeerServer | null> {
  if (!existsSync(program)) return null;
  const python = process.env["PYTHON"] ?? "/usr/bin/python3";
  const path = process.env["PYTHONPATH"];
  // What a program prints for each datagram must not be measured through a terminal, and its log file is not kept.
  const script = 'cd "$1" && shift && exec "$@" >/dev/null 2>&1';
  const child = startProcess(
    "/bin/sh",
    ["-c", script, "sh", await mkdtemp(join(tmpdir(), "parley-peer-")), python, program, ...args],
    path === undefined ? {} : { PYTHONPATH: path },
  );
  return answering(child, port, 0, question, answers);
}

/** Resolves when the server answers the question, or when its port is bound if it would not answer. */
async function answering(
  child: ChildProcess,
  port: number,
  tcp: number,
  question: Uint8Array,
  answers = true,
): Promise<PeerServer> {
  const socket = createSocket("udp4");
  socket.connect(port, "127.0.0.1");
  try {
    await firstAnswer(socket, question, child, answers);
  } finally {
    socket.close();
  }
  return { process: child, port, tcp, stop: () => stopProcess(child) };
}

/** A connected socket reports the ICMP error of a port that nobody has bound, so silence means a bound one. */
function firstAnswer(socket: Socket, question: Uint8Array, child: ChildProcess, answers: boolean): Promise<void> {
  return new Promise((done, fail) => {
    let isRefused = true;
    const deadline = performance.now() + START_MS;
    const finish = (then: () => void): void => {
      clearInterval(timer);
      then();
    };
    const timer = setInterval(() => {
      if (child.exitCode !== null || performance.now() > deadline)
        return finish(() => fail(new Error(`${child.spawnargs.join(" ")} does not start`)));
      if (!answers && !isRefused) return finish(done);
      isRefused = false;
      socket.send(question);
    }, ASK_EVERY_MS);
    socket.on("message", () => finish(done));
    socket.on("error", () => (isRefused = true));
  });
}
