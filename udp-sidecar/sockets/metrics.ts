/** The Prometheus metrics of a sidecar. Their names and labels are public: dashboards and alerts depend on them. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { CounterLabels, Counters } from "../core/counters.ts";

export type StatusReadings = {
  /** Whether the links to all hubs of all games are up. */
  readonly linked: () => boolean;
  readonly retiring: () => boolean;
  readonly contacts: () => number;
  readonly connections: () => number;
  readonly hosts: () => number;
  readonly waiting: () => number;
  /** How far this machine's clock is ahead of the hub's, in seconds. */
  readonly clock_skew_s: () => number;
  /** Seconds in which this process did not run. */
  readonly stalled_s: () => number;
  /** Whether UDP is received and sent in batches. */
  readonly is_batched: () => boolean;
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

export function createRegistry(readings: StatusReadings, counters: Counters): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "parley_" });
  for (const labelled of LABELLED) registry.registerMetric(labelledCounter(labelled, counters));
  for (const [name, help, read] of GAUGES) registry.registerMetric(gauge(name, help, () => read(readings)));
  for (const [name, help, read] of TOTALS) registry.registerMetric(total(name, help, () => read(readings)));
  return registry;
}

type Labelled = { readonly name: keyof CounterLabels; readonly label: string; readonly help: string };

const LABELLED: readonly Labelled[] = [
  { name: "datagrams", label: "outcome", help: "Received datagrams, by outcome" },
  { name: "dropped", label: "reason", help: "Dropped datagrams, by reason" },
  { name: "unsent", label: "reason", help: "Datagrams that were not sent, by reason" },
  { name: "reports", label: "kind", help: "Reports for the hub, by kind" },
  { name: "notices", label: "kind", help: "Notices sent to peers, by kind" },
  { name: "commands", label: "command", help: "Lines received over noray connections, by command" },
  { name: "connections", label: "outcome", help: "noray connections, by outcome" },
  { name: "tunnels", label: "outcome", help: "WebSocket tunnels, by outcome" },
  { name: "link_messages", label: "direction", help: "Messages on the links to the hub, by direction" },
  { name: "links", label: "change", help: "Links to the hub that opened, closed, or failed to open" },
  { name: "relay_dropped", label: "reason", help: "Datagrams to relay ports that were dropped, by reason" },
  { name: "relay_refused", label: "reason", help: "Refused relay allocations, by reason" },
  { name: "relay_ended", label: "reason", help: "Ended relay allocations, by reason" },
  { name: "dtls_greetings", label: "outcome", help: "DTLS ClientHellos answered with a cookie" },
  { name: "dtls_handshakes", label: "step", help: "DTLS handshakes started with a valid cookie, and completed ones" },
  { name: "dtls_failures", label: "reason", help: "DTLS handshakes that failed or were refused, by reason" },
  { name: "dtls_endings", label: "reason", help: "Ended DTLS sessions, by reason" },
  { name: "dtls_dropped", label: "reason", help: "Dropped DTLS records, and messages to ended sessions, by reason" },
  { name: "socket_errors", label: "kind", help: "Socket errors and internal errors, by kind" },
];

type Reading = readonly [name: string, help: string, read: (readings: StatusReadings) => number];

const GAUGES: readonly Reading[] = [
  ["parley_contacts", "Members that this sidecar exchanges datagrams with", (now) => now.contacts()],
  ["parley_connections", "Open noray connections", (now) => now.connections()],
  ["parley_noray_hosts", "Hosts registered over noray connections", (now) => now.hosts()],
  ["parley_linked", "1 while the links to all hubs are up", (now) => (now.linked() ? 1 : 0)],
  ["parley_retiring", "1 while the sidecar accepts no new lobbies", (now) => (now.retiring() ? 1 : 0)],
  ["parley_outbox", "Reports waiting for a hub", (now) => now.waiting()],
  ["parley_clock_skew_seconds", "How far the clock is ahead of the hub's; 0 if unknown", (now) => now.clock_skew_s()],
  ["parley_udp_batched", "1 if datagrams are received and sent in batches", (now) => (now.is_batched() ? 1 : 0)],
  ["parley_receive_buffer_bytes", "Smallest UDP receive buffer granted", (now) => now.receive_buffer_bytes()],
  ["parley_dtls_sessions", "Open DTLS sessions", (now) => now.dtls.live()],
  ["parley_dtls_handshaking", "DTLS handshakes in progress", (now) => now.dtls.handshaking()],
  [
    "parley_dtls_certificate_expires_seconds",
    "When the DTLS certificate expires, in seconds since the epoch; 0 without DTLS",
    (now) => Math.floor(now.dtls.expires_at() / 1_000),
  ],
  ["parley_relay_ports_free", "Free relay ports", (now) => now.relay.free()],
  ["parley_relay_ports_used", "Open relay ports", (now) => now.relay.used()],
  ["parley_relay_allocations", "Relayed pairs of peers", (now) => now.relay.allocations()],
  ["parley_tunnels", "Open WebSocket tunnels", (now) => now.relay.tunnels()],
];

const TOTALS: readonly Reading[] = [
  ["parley_stalled_seconds_total", "Time in which this process did not run", (now) => now.stalled_s()],
  ["parley_relay_packets_total", "Relayed datagrams", (now) => now.relay.packets()],
  ["parley_relay_bytes_total", "Relayed bytes, without headers", (now) => now.relay.bytes()],
];

// Each metric reads its value when it is scraped. `registers: []` keeps it out of prom-client's global registry.

function labelledCounter({ name, label, help }: Labelled, counters: Counters): Counter {
  return new Counter({
    name: `parley_${name}_total`,
    help,
    labelNames: [label],
    registers: [],
    collect() {
      this.reset();
      for (const [value, count] of counters.entries(name)) this.inc({ [label]: value }, count);
    },
  });
}

function gauge(name: string, help: string, read: () => number): Gauge {
  return new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read());
    },
  });
}

function total(name: string, help: string, read: () => number): Counter {
  return new Counter({
    name,
    help,
    registers: [],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}
