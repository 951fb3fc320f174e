/** Whether ports are free, and which are. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

export type Wanted = { readonly kind: "udp" | "tcp"; readonly port: number; readonly what: string };

/** A sentence for each port that cannot be had. */
export async function takenPorts(wanted: readonly Wanted[]): Promise<string[]> {
  const taken: string[] = [];
  for (const { kind, port, what } of wanted) {
    const code = await (kind === "udp" ? tryUdp(port) : tryTcp(port));
    if (code === null) continue;
    const why = code === "EADDRINUSE" ? "is taken by another program" : `cannot be opened (${code})`;
    taken.push(`${kind.toUpperCase()} port ${port} (${what}) ${why}.`);
  }
  return taken;
}

/** A port that nothing holds now, of the kind. */
export function freePort(kind: "udp" | "tcp"): Promise<number> {
  return new Promise((done, failed) => {
    if (kind === "udp") {
      const socket = createSocket("udp4").once("error", failed);
      socket.bind(0, "127.0.0.1", () => {
        const { port } = socket.address();
        socket.close(() => done(port));
      });
    } else {
      const server = createServer().once("error", failed);
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as { port: number };
        server.close(() => done(port));
      });
    }
  });
}

function tryUdp(port: number): Promise<string | null> {
  return new Promise((done) => {
    const socket = createSocket("udp4");
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.close();
      done(error.code ?? "EUNKNOWN");
    });
    socket.bind(port, "0.0.0.0", () => socket.close(() => done(null)));
  });
}

function tryTcp(port: number): Promise<string | null> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? "EUNKNOWN"));
    server.listen(port, "127.0.0.1", () => server.close(() => done(null)));
  });
}
