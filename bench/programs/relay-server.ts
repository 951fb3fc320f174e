/** The sidecar's relay alone and without limits. The parent process sends it the pairs to relay. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import { parseConfig } from "../../udp-sidecar/config/config.ts";
import { createRelayPorts } from "../../udp-sidecar/sockets/relay-ports.ts";
import { chooseUdpBackend } from "../../udp-sidecar/sockets/udp/udp-backend.ts";
import { Counters } from "../../udp-sidecar/core/counters.ts";
import { Clock } from "../../udp-sidecar/time/clock.ts";

const UNLIMITED = "100000000000/100000000000";

const parsed = parseConfig([], {
  PARLEY_KEY: "none",
  PARLEY_LISTEN: "127.0.0.1",
  PARLEY_RELAY_PEERS: "any",
  PARLEY_RELAY_SIDE_RATE: UNLIMITED,
  PARLEY_RELAY_SOURCE_RATE: UNLIMITED,
  PARLEY_RELAY_GAME_RATE: UNLIMITED,
  PARLEY_RELAY_BYTES_MAX: String(Number.MAX_SAFE_INTEGER),
  PARLEY_RELAY_PLACES_PER_SOURCE_MAX: "1000000",
});
if ("problems" in parsed) throw new Error(parsed.problems.join());
const clock = new Clock();
const { relay } = createRelayPorts(parsed.config, new Counters(), clock, (await chooseUdpBackend("auto")).backend)!;
let pairs = 0;

process.on("message", ([one, other]: [Endpoint, Endpoint]) => {
  const began = performance.now();
  const id = ++pairs;
  // An unproved peer would be sent no more than it sends.
  const parties = [
    { peer: `a${id}`, observed: one, proved: true },
    { peer: `b${id}`, observed: other, proved: true },
  ] as const;
  const result = relay.allocate({ game: "default", parties, onNotice: () => {} }, clock.now());
  if ("none" in result) throw new Error(result.none);
  process.send!({ ports: result.ports, took_ms: performance.now() - began });
});
setInterval(() => relay.expire(clock.now()), 100);
process.send!({ opened_ms: 0 });
