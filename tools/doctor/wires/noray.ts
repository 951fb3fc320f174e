/** Checks noray: its commands over TCP, its registrar, and a relay between two peers in both directions. */
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, note, ok } from "../finding.ts";
import { noResponse, wrongSource, UdpProbe } from "../udp-probe.ts";

const CONNECT_MS = 5_000;
const TIMEOUT_MS = 10_000;

export async function checkNoray(address: string, tcp: number, udp: number): Promise<Finding[]> {
  const commands = `noray at TCP ${tcp}`;
  const [ann, bob] = await Promise.all([CommandConnection.open(address, tcp), CommandConnection.open(address, tcp)]);
  const probes = [await UdpProbe.open(address), await UdpProbe.open(address)];
  try {
    if (ann === null || bob === null) return [noResponse(commands, tcp, "TCP")];
    const findings: Finding[] = [];
    let oid = "";
    for (const [at, connection] of [ann, bob].entries()) {
      connection.send("register-host");
      oid = (await connection.receive("set-oid")) ?? "";
      const pid = await connection.receive("set-pid");
      if (pid === null)
        return [fault(commands, "it accepts the connection but does not respond", "see the sidecar's log")];
      const to = { address, port: udp };
      const subject = `noray's registrar at UDP ${udp}`;
      const response = await probes[at]!.request(pid, to, ({ text }) => text === "OK");
      if (response === null) return [ok(commands, "a host was registered"), noResponse(subject, udp)];
      const wrong = wrongSource(subject, to, response);
      if (wrong !== null) return [ok(commands, "a host was registered"), wrong];
      if (at === 1) findings.push(ok(commands, "two hosts were registered"), ok(subject, "it has seen both"));
    }
    ann.send(`connect-relay ${oid}`);
    const ports = await Promise.all([ann.receive("connect-relay"), bob.receive("connect-relay")]);
    return [...findings, await checkRelay(address, ports.map(Number), probes as [UdpProbe, UdpProbe])];
  } finally {
    for (const connection of [ann, bob]) connection?.close();
    for (const probe of probes) probe.close();
  }
}

async function checkRelay(
  address: string,
  [mine = 0, yours = 0]: number[],
  [ann, bob]: [UdpProbe, UdpProbe],
): Promise<Finding> {
  if (!(mine > 0 && yours > 0)) {
    return note(
      "relay",
      "no relay was allocated",
      "peers with private addresses get no relay unless PARLEY_RELAY_PEERS=any; else check PARLEY_RELAY_PORTS and PARLEY_RELAY_ADDRESSES",
    );
  }
  const [toMine, toYours]: [Endpoint, Endpoint] = [
    { address, port: mine },
    { address, port: yours },
  ];
  // The relay learns each side from its datagrams, so one side sends repeatedly while the other one waits.
  const stopBob = bob.sendRepeatedly("doctor-bob", toYours);
  const atAnn = await ann.request("doctor-ann", toMine, ({ text }) => text === "doctor-bob");
  stopBob();
  const stopAnn = ann.sendRepeatedly("doctor-ann", toMine);
  const atBob = await bob.request("doctor-bob", toYours, ({ text }) => text === "doctor-ann");
  stopAnn();
  if (atAnn === null || atBob === null) return noResponse(`relay at UDP ${mine} and ${yours}`, Math.min(mine, yours));
  return wrongSource("relay", toYours, atBob) ?? ok("relay", `UDP ${mine} and ${yours} forward in both directions`);
}

/** A TCP connection with a text protocol of lines. */
class CommandConnection {
  readonly #socket: Socket;
  #text = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => {
      this.#text += bytes.toString("utf8");
      socket.emit("line");
    });
    socket.on("error", () => {});
  }

  static async open(host: string, port: number): Promise<CommandConnection | null> {
    const socket = createConnection({ host, port });
    try {
      await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_MS) });
      return new CommandConnection(socket);
    } catch {
      socket.destroy();
      return null;
    }
  }

  send(text: string): void {
    this.#socket.write(`${text}\n`);
  }

  /** The argument of the next line with this command; null after an error or the timeout. */
  async receive(command: string): Promise<string | null> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    for (;;) {
      const found = new RegExp(`^(?:${command} (.+)|(error) .*)\\r?\\n`, "m").exec(this.#text);
      if (found !== null) return found[1] ?? null;
      try {
        await once(this.#socket, "line", { signal });
      } catch {
        return null;
      }
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
