/** noray's commands over TCP, its registrar, and a relay between two peers: both of its ports carry something. */
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, note, ok } from "./finding.ts";
import { silent, strayed, Voice } from "./udp-probe.ts";

const CONNECT_MS = 5_000;
const WITHIN_MS = 10_000;

export async function examineNoray(address: string, tcp: number, udp: number): Promise<Finding[]> {
  const commands = `noray at TCP ${tcp}`;
  const [ann, bob] = await Promise.all([Caller.open(address, tcp), Caller.open(address, tcp)]);
  const voices = [await Voice.open(address), await Voice.open(address)];
  try {
    if (ann === null || bob === null) return [silent(commands, tcp, "TCP")];
    const findings: Finding[] = [];
    let oid = "";
    for (const [at, caller] of [ann, bob].entries()) {
      caller.say("register-host");
      oid = (await caller.hears("set-oid")) ?? "";
      const pid = await caller.hears("set-pid");
      if (pid === null) return [fault(commands, "it takes the connection and says nothing", "see the sidecar's log")];
      const to = { address, port: udp };
      const what = `noray's registrar at UDP ${udp}`;
      const answered = await voices[at]!.ask(pid, to, ({ text }) => text === "OK");
      if (answered === null) return [ok(commands, "a host was registered"), silent(what, udp)];
      const stray = strayed(what, to, answered);
      if (stray !== null) return [ok(commands, "a host was registered"), stray];
      if (at === 1) findings.push(ok(commands, "two hosts were registered"), ok(what, "it has seen both"));
    }
    ann.say(`connect-relay ${oid}`);
    const ports = await Promise.all([ann.hears("connect-relay"), bob.hears("connect-relay")]);
    return [...findings, await checkRelay(address, ports.map(Number), voices as [Voice, Voice])];
  } finally {
    for (const caller of [ann, bob]) caller?.close();
    for (const voice of voices) voice.close();
  }
}

async function checkRelay(
  address: string,
  [mine = 0, yours = 0]: number[],
  [ann, bob]: [Voice, Voice],
): Promise<Finding> {
  if (!(mine > 0 && yours > 0)) {
    return note(
      "relay",
      "none was given",
      "who asks from a private address gets none (PARLEY_RELAY_PEERS=any changes that); else see PARLEY_RELAY_PORTS and PARLEY_RELAY_ADDRESSES",
    );
  }
  const [toMine, toYours]: [Endpoint, Endpoint] = [
    { address, port: mine },
    { address, port: yours },
  ];
  // Each side is learned from its own datagrams, so who is not heard any more is one who does not speak any more.
  const bobSpeaks = bob.keepSaying("doctor-bob", toYours);
  const toAnn = await ann.ask("doctor-ann", toMine, ({ text }) => text === "doctor-bob");
  bobSpeaks();
  const annSpeaks = ann.keepSaying("doctor-ann", toMine);
  const heard = await bob.ask("doctor-bob", toYours, ({ text }) => text === "doctor-ann");
  annSpeaks();
  if (toAnn === null || heard === null) return silent(`relay at UDP ${mine} and ${yours}`, Math.min(mine, yours));
  return strayed("relay", toYours, heard) ?? ok("relay", `UDP ${mine} and ${yours} of its range carry both ways`);
}

/** A connection, line by line. */
class Caller {
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

  static async open(host: string, port: number): Promise<Caller | null> {
    const socket = createConnection({ host, port });
    try {
      await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_MS) });
      return new Caller(socket);
    } catch {
      socket.destroy();
      return null;
    }
  }

  say(text: string): void {
    this.#socket.write(`${text}\n`);
  }

  /** What stands behind the command of a line; null where none came, or an error instead. */
  async hears(command: string): Promise<string | null> {
    const signal = AbortSignal.timeout(WITHIN_MS);
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
