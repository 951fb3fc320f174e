/** Serves /healthz and /metrics over HTTP on a local port. */
import { createServer } from "node:http";
import { VERSION } from "#shared/version.ts";
import type { Counters } from "../core/counters.ts";
import { createRegistry, type StatusReadings } from "./metrics.ts";

/** Resolves with a function that closes the server. Rejects with the port and the reason. */
export async function serveStatus(
  at: { readonly host: string; readonly port: number },
  readings: StatusReadings,
  counters: Counters,
): Promise<() => Promise<void>> {
  const registry = createRegistry(readings, counters);
  const server = createServer((request, response) => {
    response.setHeader("cache-control", "no-store");
    if (request.url === "/healthz") {
      response.setHeader("content-type", "application/json");
      return response.end(
        JSON.stringify({ ok: true, hub: readings.linked() ? "linked" : "unreachable", version: VERSION }),
      );
    }
    if (request.url === "/metrics") {
      return void registry.metrics().then((text) => {
        response.setHeader("content-type", registry.contentType);
        response.end(text);
      });
    }
    response.statusCode = 404;
    return response.end("GET /healthz or /metrics\n");
  });
  await new Promise<void>((done, failed) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "is taken by another program" : `cannot be opened: ${error.code}`;
      failed(new Error(`TCP port ${at.port} on ${at.host} (status) ${why}`, { cause: error }));
    });
    server.listen(at.port, at.host, done);
  });
  return () => {
    server.closeAllConnections();
    return new Promise((done) => server.close(() => done()));
  };
}
