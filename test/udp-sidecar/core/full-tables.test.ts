/** A newcomer gets in while attackers fill a table, and honest peers hold less than 70 % of it. */
import { describe, expect, test } from "vitest";
import {
  CONTACTS_MAX,
  DTLS_PER_SOURCE_MAX,
  DTLS_SESSIONS_MAX,
  LOBBIES_PER_SOURCE_MAX,
  NORAY_CONNECTIONS_MAX,
  NORAY_CONNECTIONS_PER_SOURCE_MAX,
  OUTBOX_REPORTS_MAX,
  SUBSCRIBERS_MAX,
  SUBSCRIBERS_PER_SOURCE_MAX,
  TUNNELS_MAX,
  TUNNELS_PER_SOURCE_MAX,
  UNRENEWED_CONTACTS_SHARE,
} from "#shared/limits.ts";
import { SourceCounter } from "#shared/net/source-counter.ts";
import { Outbox } from "../../../udp-sidecar/link/outbox.ts";
import { recordFigure } from "../../support/attack-figures.ts";
import { refreshing, registering, sign } from "../../support/dowsett.ts";
import { endpointOf, Rig, T0 } from "../../support/exchange.ts";
import { at, RelayHarness } from "../support/relays.ts";
import { asks, hosts, leaves } from "../support/reports.ts";
import { norayScript } from "../support/noray-script.ts";

const PASSWORD = "aaaaaaaaaa";
const LEASE = { "seconds-before-expiry": 600 };
const HONEST_SHARE = 0.69;

/** Addresses of as many networks (/24). */
const addressOf = (first: number, index: number): string => `${first}.${index >> 8}.${index & 255}.1`;

describe("a sidecar's contacts", () => {
  // A smaller table with the same shares: 35,000 lobbies of wires take a minute.
  const contacts_max = 1_000;
  const honest = HONEST_SHARE * contacts_max;

  test("admit a newcomer while every registration comes from another forged source", ({ task }) => {
    const rig = new Rig({ wire: "dowsett", sidecars: ["north"], limits: { contacts_max } });
    const send = (packet: object, address: string): number =>
      rig.send({ address, port: 5_000 }, sign(packet as Parameters<typeof sign>[0], PASSWORD)).length;
    for (let index = 0; index < honest; index++) {
      expect(send(registering(`H${index}`, LEASE), addressOf(40, index))).toBe(1);
      expect(send(refreshing(`H${index}`, LEASE), addressOf(40, index))).toBe(1);
    }
    for (let index = 0; index < 5 * contacts_max; index++) send(registering(`F${index}`, LEASE), addressOf(60, index));
    expect(rig.sidecar().exchange.contacts.size).toBe(honest + contacts_max * UNRENEWED_CONTACTS_SHARE);
    expect(send(registering("Newcomer", LEASE), "192.0.2.1")).toBe(1);
    const hosted = (name: string): boolean => rig.hub.lobby(name, "dowsett") !== undefined;
    expect(hosted("Newcomer")).toBe(true);
    const kept = Array.from({ length: honest }, (_, index) => hosted(`H${index}`)).filter(Boolean).length;
    expect(kept).toBe(honest);
    recordFigure(task, {
      order: 20,
      attack: "Dowsett registrations fill the contacts, five times their number, each from another forged source",
      before: "newcomers get no reply; over HTTP 503",
      after: `a newcomer is hosted, ${kept} of ${honest} honest hosts stay`,
    });
  });
});

test.for([
  ["DTLS sessions", DTLS_SESSIONS_MAX, DTLS_PER_SOURCE_MAX],
  ["noray connections with a host", NORAY_CONNECTIONS_MAX, NORAY_CONNECTIONS_PER_SOURCE_MAX],
  ["tunnels", TUNNELS_MAX, TUNNELS_PER_SOURCE_MAX],
  ["event sockets after hello", SUBSCRIBERS_MAX, SUBSCRIBERS_PER_SOURCE_MAX],
  ["contacts that renew", CONTACTS_MAX, LOBBIES_PER_SOURCE_MAX],
] as const)(
  "%s: greedy networks leave room for a newcomer, if they are fewer than a fortieth of the places",
  ([table, size_max, per_source_max], { task }) => {
    const networks = Math.min(200, Math.floor(size_max / 40));
    const counter = new SourceCounter();
    const quota = { size_max, per_source_max };
    let held = 0;
    const take = (address: string): boolean => {
      const isTaken = counter.hasRoom(address, quota);
      if (isTaken) held++;
      if (isTaken) counter.add(address, 1);
      return isTaken;
    };
    const honest = Math.floor(HONEST_SHARE * size_max);
    for (let index = 0; index < honest; index++) take(`${20 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.1`);
    expect(held).toBe(honest);
    // Each again and again, until none gets another place.
    for (let before = -1; before !== held;) {
      before = held;
      for (let network = 0; network < networks; network++)
        for (let host = 1; host <= 8; host++) while (take(`60.${network}.0.${host}`));
    }
    expect(take("192.0.2.1")).toBe(true);
    recordFigure(task, {
      order: 22,
      attack: `${networks} networks (/24) take all the ${table} they can get`,
      before: "a newcomer is refused",
      after: `a newcomer gets in, beside ${honest} honest ones (${Math.round(HONEST_SHARE * 100)} %)`,
    });
  },
);

test("noray's port admits a newcomer beside 16,384 silent connections", ({ task }) => {
  const { rig } = norayScript();
  const { commands } = rig.sidecar();
  let silent = 0;
  for (let index = 0; silent < NORAY_CONNECTIONS_MAX && index < 70_000; index++) {
    if (commands.open({ address: addressOf(40, index % 16_384), port: 1 + (index >> 14) }) !== null) silent++;
  }
  expect(silent).toBe(NORAY_CONNECTIONS_MAX);
  expect(commands.registry.connections).toBe(NORAY_CONNECTIONS_MAX);
  expect(commands.open(endpointOf("B"))).not.toBeNull();
  expect(rig.send("B", "register-host", { via: 8_890 }).length).toBeGreaterThan(0);
  rig.advance(15_200);
  expect(commands.registry.connections).toBe(1);
  recordFigure(task, {
    order: 30,
    attack: `${silent} silent connections to noray's port`,
    before: "the port is shut without end",
    after: "a newcomer registers at once, the silent ones are closed after 15 s",
  });
});

test("the relay serves an honest pair beside silent pairs of 80 addresses", ({ task }) => {
  const pairs = 1_023;
  const table = new RelayHarness({ ports: 2 * pairs, slots_per_source_max: 64 });
  const honest = Math.floor(HONEST_SHARE * pairs);
  const ends = (index: number) => [at(addressOf(40, 2 * index), 1), at(addressOf(40, 2 * index + 1), 1)] as const;
  const served = Array.from({ length: honest }, (_, index) => {
    const seen = [...ends(index)];
    const { a, b } = table.pair(`a${index}`, `b${index}`, { seen });
    table.send(seen[0]!, a);
    table.send(seen[1]!, b);
    return { a, seen };
  });
  for (let round = 0; round < 64; round++)
    for (let index = 0; index < 40; index++) {
      const seen = [at(addressOf(60, 2 * index), 1), at(addressOf(60, 2 * index + 1), 1)];
      table.request(`x${round} ${index}`, `y${round} ${index}`, { seen });
    }
  expect(table.relay.size).toBe(pairs);
  expect(table.request("carol", "dave", { seen: [...ends(5_000)] })).not.toHaveProperty("none");
  const kept = served.filter(({ a, seen }) => typeof table.send(seen[0]!, a) !== "string").length;
  expect(kept).toBe(honest);
  recordFigure(task, {
    order: 40,
    attack: "80 addresses allocate relay pairs and send nothing",
    before: "honest pairs are refused with 1,023 silent ones",
    after: `the next pair is served, ${kept} of ${honest} honest pairs stay, silent ones end after 5 s`,
  });
});

test("a full outbox still takes what a client says once, and questions of strangers leave first", ({ task }) => {
  const outbox = new Outbox();
  for (let index = 0; index < 2_000; index++) outbox.add(asks(`Q${index}`), T0);
  for (let index = 0; index < OUTBOX_REPORTS_MAX; index++) outbox.add(hosts(`F${index}`), T0);
  expect(outbox.size).toBe(OUTBOX_REPORTS_MAX);
  expect(outbox.add(leaves("Newcomer"), T0)).toBe(true);
  // Requests are stale after a second, so the next one of a newcomer gets in.
  expect(outbox.add(hosts("Newcomer"), T0 + 1_001)).toBe(true);
  recordFigure(task, {
    order: 24,
    attack: `${OUTBOX_REPORTS_MAX} forged requests fill the outbox while a hub does not answer`,
    before: "not measured",
    after: "leaving players are kept, a newcomer's request is taken within 1 s",
  });
});
