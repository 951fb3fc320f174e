/**
 * The relay without a wire: `relay.ts ADDRESS FIRST-LAST`, on this local address and these ports.
 *
 *     prints { pid }
 *     reads  { id, pair: [{ address, port }, { address, port }] }    the observed endpoints of two peers
 *     prints { id, ports: [PORT, PORT] }                             the relay port for each of them
 */
import type { Endpoint } from "#shared/net/endpoint.ts";
import { parseConfig } from "../../../udp-sidecar/config/config.ts";
import { createRelayPorts } from "../../../udp-sidecar/sockets/relay-ports.ts";
import { chooseUdpBackend } from "../../../udp-sidecar/sockets/udp/udp-backend.ts";
import { Counters } from "../../../udp-sidecar/core/counters.ts";
import { Clock } from "../../../udp-sidecar/time/clock.ts";
import { onLine, sendLine } from "./json-lines.ts";

const [address, range] = process.argv.slice(2) as [string, string];
const settings = { PARLEY_KEY: "none", PARLEY_LISTEN: address, PARLEY_RELAY_PORTS: range, PARLEY_ADDRESSES: address };
const parsed = parseConfig([], settings);
if ("problems" in parsed) throw new Error(parsed.problems.join());
const clock = new Clock();
const { relay } = createRelayPorts(parsed.config, new Counters(), clock, (await chooseUdpBackend("auto")).backend)!;
onLine((line) => {
  const [one, other] = line["pair"] as [Endpoint, Endpoint];
  const id = line["id"] as string;
  const parties = [
    { peer: `${id} a`, observed: one },
    { peer: `${id} b`, observed: other },
  ] as const;
  const asked = relay.allocate({ game: "default", parties, onNotice: () => {} }, clock.now());
  sendLine("none" in asked ? { id, ...asked } : { id, ports: asked.ports });
});
sendLine({ pid: process.pid });
