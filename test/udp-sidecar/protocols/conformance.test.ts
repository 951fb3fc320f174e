/** Every wire, asked to do what every wire must. */
import { describe } from "vitest";
import { dowsett } from "../../../udp-sidecar/protocols/dowsett.ts";
import { rabid, POLICY } from "../../../udp-sidecar/protocols/rabid.ts";
import { conforms, type Driver } from "../../support/conformance.ts";
import { dropping, joining, listing, read, refreshing, registering, sign } from "../../support/dowsett.ts";

const say = (text: string): Uint8Array => Buffer.from(text, "latin1");
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

const rabidDriver: Driver = {
  wire: rabid,
  keepsGuests: true,
  followsPorts: false,
  hostName: (_, peer) => peer,
  host: (lobby, peer) => say(`h:${lobby}:${peer}:4`),
  join: (lobby, peer) => say(`c:${lobby}:${peer}`),
  renew: (lobby, peer) => say(`p:${lobby}:${peer}`),
  question: (lobby, peer) => say(`p:${lobby}:${peer}`),
  leave: (lobby, peer) => say(`x:${lobby}:${peer}`),
  start: (lobby, peer) => say(`s:${lobby}:${peer}`),
  others: ["h:Nice:Alice:4:Pw12", "c:Nice:Bob:Pw12", "k:Nice:Bob", "y:Nice:Bob"].map(say),
  mistake: say("h:Nice"),
  saysWhoIsIn: (bytes, peers) => textOf(bytes) === `i:${peers.join(":")}`,
  tells: (bytes, { address, port }) => textOf(bytes).includes(address) || textOf(bytes).includes(String(port)),
  // error:only_one_player_in_session, and the start line of twelve.
  refusal_bytes_max: 32,
  answer_bytes_max: 419,
  lease_ms: POLICY.lease_ms!,
};

describe("rabid", () => conforms(rabidDriver));

/** One password for all: the cases are about wires, not about who knows what. */
const PASSWORD = "qUks5KzRDY";

const dowsettDriver: Driver = {
  wire: dowsett({ sharesLocal: true }),
  keepsGuests: false,
  followsPorts: true,
  // A server is called like its host.
  hostName: (lobby) => lobby,
  host: (lobby) => sign(registering(lobby), PASSWORD),
  join: (lobby, peer) => sign(joining(lobby, peer), PASSWORD),
  renew: (lobby) => sign(refreshing(lobby), PASSWORD),
  question: (lobby, peer) => sign(joining(lobby, peer), PASSWORD),
  leave: (lobby) => sign(dropping(lobby), PASSWORD),
  start: null,
  others: [sign(listing(), PASSWORD)],
  mistake: null,
  saysWhoIsIn: (bytes) => String(read(bytes)["__type"]).startsWith("confirming-registration"),
  tells: (bytes, { address, port }) => {
    const { "global-address": there } = read(bytes);
    return JSON.stringify(there) === JSON.stringify([address, port]);
  },
  // A refusal repeats the name that was not found, an introduction two names and three addresses.
  refusal_bytes_max: 300,
  answer_bytes_max: 450,
  lease_ms: 60_000,
};

describe("dowsett", () => conforms(dowsettDriver));
