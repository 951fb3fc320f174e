/** Checks and picks local ports, so that `npm start` can name a taken port before it starts anything. */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { portHolder } from "./process-info.ts";

const [FREE_PORT_FIRST, FREE_PORT_LAST] = [13_100, 19_900];

export type RequiredPort = {
  readonly kind: "udp" | "tcp";
  readonly port: number;
  readonly purpose: string;
  /** Every address of this machine by default. */
  readonly address?: string;
};

/** One sentence for each program that holds ports, and for each port that cannot be opened for another reason. */
export async function takenPorts(required: readonly RequiredPort[]): Promise<string[]> {
  const sentences: string[] = [];
  const held = new Map<string, string[]>();
  for (const { kind, port, purpose, address = "0.0.0.0" } of required) {
    const code = await (kind === "udp" ? tryUdp(port, address) : tryTcp(port, address));
    const label = `${kind.toUpperCase()} port ${port} (${purpose})`;
    if (code === "EADDRINUSE") {
      const holder = portHolder(kind, port) ?? "another program";
      held.set(holder, [...(held.get(holder) ?? []), label]);
    } else if (code !== null) sentences.push(`${label} cannot be opened at ${address} (${code}).`);
  }
  for (const [holder, labels] of held) {
    sentences.push(`${labels.join(", ")} ${labels.length === 1 ? "is" : "are"} taken by ${holder}.`);
  }
  return sentences;
}

/**
 * A port that is free on loopback now, below those that systems give to outgoing sockets: these may take a port between
 * its choice here and its use.
 */
export async function freePort(kind: "udp" | "tcp"): Promise<number> {
  for (;;) {
    const port = randomInt(FREE_PORT_FIRST, FREE_PORT_LAST + 1);
    if ((await (kind === "udp" ? tryUdp(port, "127.0.0.1") : tryTcp(port, "127.0.0.1"))) === null) return port;
  }
}

/** Null if the port can be bound, else the error's code. */
function tryUdp(port: number, address: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? "EUNKNOWN");
    });
    socket.bind(port, address, () => socket.close(() => resolve(null)));
  });
}

function tryTcp(port: number, address: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "EUNKNOWN"));
    server.listen(port, address, () => server.close(() => resolve(null)));
  });
}
