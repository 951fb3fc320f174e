/** Opens TCP ports with readable errors. */
import type { Server } from "node:net";
import { isIPv4 } from "#shared/net/endpoint.ts";

/** False if this machine has no IPv6, because it can still serve IPv4. Rejects with the port and the reason. */
export async function listenTcp(server: Server, host: string, port: number, what: string): Promise<boolean> {
  try {
    await new Promise<void>((done, failed) => {
      server.once("error", failed);
      server.listen({ host, port, ipv6Only: !isIPv4(host) }, () => {
        server.off("error", failed);
        done();
      });
    });
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    if (host === "::" && (code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL")) return false;
    const why = code === "EADDRINUSE" ? "is taken by another program" : `cannot be opened: ${code}`;
    throw new Error(`TCP port ${port} on ${host} (${what}) ${why}`, { cause: error });
  }
}
