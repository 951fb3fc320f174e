/** Checks and picks local ports, so that `npm start` can name a taken port before it starts anything. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

export type RequiredPort = { readonly kind: "udp" | "tcp"; readonly port: number; readonly purpose: string };

/** One sentence for each port that cannot be opened. */
export async function takenPorts(required: readonly RequiredPort[]): Promise<string[]> {
  const taken: string[] = [];
  for (const { kind, port, purpose } of required) {
    const code = await (kind === "udp" ? tryUdp(port) : tryTcp(port));
    if (code === null) continue;
    const cause = code === "EADDRINUSE" ? "is taken by another program" : `cannot be opened (${code})`;
    taken.push(`${kind.toUpperCase()} port ${port} (${purpose}) ${cause}.`);
  }
  return taken;
}

/** A port that is free on loopback now. */
export function freePort(kind: "udp" | "tcp"): Promise<number> {
  return new Promise((resolve, reject) => {
    if (kind === "udp") {
      const socket = createSocket("udp4").once("error", reject);
      socket.bind(0, "127.0.0.1", () => {
        const { port } = socket.address();
        socket.close(() => resolve(port));
      });
    } else {
      const server = createServer().once("error", reject);
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as { port: number };
        server.close(() => resolve(port));
      });
    }
  });
}

/** Null if the port can be bound, else the error's code. */
function tryUdp(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? "EUNKNOWN");
    });
    socket.bind(port, "0.0.0.0", () => socket.close(() => resolve(null)));
  });
}

function tryTcp(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "EUNKNOWN"));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(null)));
  });
}
