/** The conformance suite, run for every wire. */
import { describe } from "vitest";
import { dowsett } from "../../../udp-sidecar/protocols/dowsett.ts";
import { rabid, POLICY } from "../../../udp-sidecar/protocols/rabid.ts";
import { describeConformance, type Driver } from "../../support/conformance.ts";
import { dropping, joining, listing, read, refreshing, registering, sign } from "../../support/dowsett.ts";

const say = (text: string): Uint8Array => Buffer.from(text, "latin1");
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

const rabidDriver: Driver = {
  wire: rabid,
  storesGuests: true,
  followsPorts: false,
  hostName: (_, peer) => peer,
  host: (lobby, peer) => say(`h:${lobby}:${peer}:4`),
  join: (lobby, peer) => say(`c:${lobby}:${peer}`),
  renew: (lobby, peer) => say(`p:${lobby}:${peer}`),
  hubRequest: (lobby, peer) => say(`p:${lobby}:${peer}`),
  leave: (lobby, peer) => say(`x:${lobby}:${peer}`),
  start: (lobby, peer) => say(`s:${lobby}:${peer}`),
  otherMessages: ["h:Nice:Alice:4:Pw12", "c:Nice:Bob:Pw12", "k:Nice:Bob", "y:Nice:Bob"].map(say),
  malformed: say("h:Nice"),
  confirmsMembers: (bytes, peers) => textOf(bytes) === `i:${peers.join(":")}`,
  containsEndpoint: (bytes, { address, port }) =>
    textOf(bytes).includes(address) || textOf(bytes).includes(String(port)),
  // error:only_one_player_in_session, and the start line of twelve.
  refusal_bytes_max: 32,
  answer_bytes_max: 419,
  lease_ms: POLICY.lease_ms!,
};

describe("rabid", () => describeConformance(rabidDriver));

/** One password for all, because the cases are about wires, not about secrecy. */
const PASSWORD = "qUks5KzRDY";

const dowsettDriver: Driver = {
  wire: dowsett({ sharesLocal: true }),
  storesGuests: false,
  followsPorts: true,
  // A server has the name of its host.
  hostName: (lobby) => lobby,
  host: (lobby) => sign(registering(lobby), PASSWORD),
  join: (lobby, peer) => sign(joining(lobby, peer), PASSWORD),
  renew: (lobby) => sign(refreshing(lobby), PASSWORD),
  hubRequest: (lobby, peer) => sign(joining(lobby, peer), PASSWORD),
  leave: (lobby) => sign(dropping(lobby), PASSWORD),
  start: null,
  otherMessages: [sign(listing(), PASSWORD)],
  malformed: null,
  confirmsMembers: (bytes) => String(read(bytes)["__type"]).startsWith("confirming-registration"),
  containsEndpoint: (bytes, { address, port }) => {
    const { "global-address": there } = read(bytes);
    return JSON.stringify(there) === JSON.stringify([address, port]);
  },
  // A refusal has the name that was not found; an introduction has two names and three addresses.
  refusal_bytes_max: 300,
  answer_bytes_max: 450,
  lease_ms: 60_000,
};

describe("dowsett", () => describeConformance(dowsettDriver));
