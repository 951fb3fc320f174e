/** Health and metrics, over HTTP on a local port. What it resolves with closes it. */
import { createServer } from "node:http";
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { VERSION } from "#shared/version.ts";
import type { CounterLabels, Counters } from "../core/counters.ts";

export type StatusReadings = {
  /** Every hub of every game listens. */
  readonly linked: () => boolean;
  readonly retiring: () => boolean;
  readonly contacts: () => number;
  readonly connections: () => number;
  readonly hosts: () => number;
  readonly waiting: () => number;
  readonly receive_buffer_bytes: () => number;
  readonly dtls: {
    readonly live: () => number;
    readonly handshaking: () => number;
    /** When the certificate expires (ms since the epoch), or 0. */
    readonly expires_at: () => number;
  };
  readonly relay: {
    readonly free: () => number;
    readonly used: () => number;
    readonly allocations: () => number;
    readonly packets: () => number;
    readonly bytes: () => number;
    readonly tunnels: () => number;
  };
};

export async function serveStatus(
  at: { readonly host: string; readonly port: number },
  status: StatusReadings,
  tally: Counters,
): Promise<() => Promise<void>> {
  const registry = createRegistry(status, tally);
  const server = createServer((request, response) => {
    response.setHeader("cache-control", "no-store");
    if (request.url === "/healthz") {
      response.setHeader("content-type", "application/json");
      return response.end(
        JSON.stringify({ ok: true, hub: status.linked() ? "linked" : "unreachable", version: VERSION }),
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

function createRegistry(status: StatusReadings, tally: Counters): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "parley_" });
  const counters: { what: keyof CounterLabels; label: string; help: string }[] = [
    { what: "datagrams", label: "outcome", help: "Datagrams by what became of them" },
    { what: "dropped", label: "reason", help: "Datagrams dropped, by reason" },
    { what: "reports", label: "kind", help: "Reports for the hub, by kind" },
    { what: "notices", label: "kind", help: "Notices said to peers, by kind" },
    { what: "commands", label: "command", help: "Lines over noray connections, by command" },
    { what: "connections", label: "outcome", help: "noray connections by what became of them" },
    { what: "tunnels", label: "outcome", help: "Tunnels by what became of them" },
    { what: "link_messages", label: "direction", help: "Messages on the links to the hub" },
    { what: "links", label: "change", help: "Links to the hub that went up, went down, or failed to open" },
    { what: "relay_dropped", label: "reason", help: "Datagrams that came to ports of the relay and went nowhere" },
    { what: "relay_refused", label: "reason", help: "Relays that were asked for and not given" },
    { what: "relay_ended", label: "reason", help: "Relays that ended" },
    { what: "dtls_greetings", label: "outcome", help: "DTLS ClientHellos that were answered with a cookie" },
    {
      what: "dtls_handshakes",
      label: "step",
      help: "DTLS handshakes that began with a good cookie, and that ended well",
    },
    { what: "dtls_failures", label: "reason", help: "DTLS handshakes that failed, or found no room" },
    { what: "dtls_endings", label: "reason", help: "DTLS sessions that ended" },
    {
      what: "dtls_dropped",
      label: "reason",
      help: "DTLS records that no session saw, and messages whose session was over",
    },
    { what: "socket_errors", label: "kind", help: "Errors of UDP sockets that were survived" },
  ];
  for (const { what, label, help } of counters) {
    const made: Counter = new Counter({
      name: `parley_${what}_total`,
      help,
      labelNames: [label],
      registers: [],
      collect() {
        this.reset();
        for (const [which, times] of tally.entries(what)) this.inc({ [label]: which }, times);
      },
    });
    registry.registerMetric(made);
  }
  const gauge = (name: string, help: string, read: () => number): void => {
    const made = new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    });
    registry.registerMetric(made);
  };
  const counter = (name: string, help: string, read: () => number): void => {
    const made = new Counter({
      name,
      help,
      registers: [],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
    registry.registerMetric(made);
  };
  gauge("parley_contacts", "Members this sidecar speaks with", status.contacts);
  gauge("parley_connections", "noray connections", status.connections);
  gauge("parley_noray_hosts", "Hosts registered over noray connections", status.hosts);
  gauge("parley_linked", "1 while every hub listens", () => (status.linked() ? 1 : 0));
  gauge("parley_retiring", "1 while it takes no new lobbies", () => (status.retiring() ? 1 : 0));
  gauge("parley_outbox", "Reports waiting for a hub", status.waiting);
  gauge("parley_receive_buffer_bytes", "Smallest UDP receive buffer granted", status.receive_buffer_bytes);
  gauge("parley_dtls_sessions", "DTLS sessions that are open", status.dtls.live);
  gauge("parley_dtls_handshaking", "DTLS handshakes under way", status.dtls.handshaking);
  gauge(
    "parley_dtls_certificate_expires_seconds",
    "When the DTLS certificate expires, since the epoch; 0 without one",
    () => Math.floor(status.dtls.expires_at() / 1_000),
  );
  gauge("parley_relay_ports_free", "Ports of the relay that are free", status.relay.free);
  gauge("parley_relay_ports_used", "Ports of the relay that are open", status.relay.used);
  gauge("parley_relay_allocations", "Pairs of peers that are relayed", status.relay.allocations);
  gauge("parley_tunnels", "WebSockets that carry relayed datagrams", status.relay.tunnels);
  counter("parley_relay_packets_total", "Datagrams relayed", status.relay.packets);
  counter("parley_relay_bytes_total", "Bytes relayed, without headers", status.relay.bytes);
  return registry;
}
