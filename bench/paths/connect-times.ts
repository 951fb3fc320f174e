/**
 * Times from the request to connect to a first path and to the final one: two native peers behind every pair of NATs of
 * the laboratory, in further networks, and with loss on every link.
 */
import { currentBundle } from "../../tools/run/bundle.ts";
import { connectAllPairs, type PairResult, startTwoOfEachKind } from "../../test/lab/connect-pairs.ts";
import {
  openHubByIPv6,
  onlyOverIPv6,
  withDeafIPv6,
  withIPv6,
  withLocalIPv6,
  withoutCommonFamily,
  withSeparateIPv6,
} from "../../test/lab/families.ts";
import { LabPlayers } from "../../test/lab/lab-players.ts";
import { bothBehind, type Case, connectInTurn, type MeasuredCase, WAY } from "./measured.ts";

const TRIES = 5;
/** Medians of these are compared: what does a useless address family cost? */
const FAMILY_TRIES = 11;
const LOSS_TRIES = 20;
const LOSSES = [0, 0.05, 0.1, 0.2];

const DIRECT = ["direct", "direct"] as const;
const RELAY = ["relay", "relay"] as const;

export async function measurePairs(): Promise<MeasuredCase[]> {
  const players = await LabPlayers.open(await currentBundle());
  try {
    await players.stack.addSidecar(await players.lab.host());
    const started = await startTwoOfEachKind(players, WAY);
    const rounds: PairResult[][] = [];
    for (let time = 0; time < TRIES; time++) rounds.push(await connectAllPairs(started));
    return rounds[0]!.map(({ pair }, at) => ({
      name: pair.replace(" ", " and "),
      tries: rounds.map((rows) => rows[at]!),
    }));
  } finally {
    await players.close();
  }
}

/** One sidecar on two addresses. */
export async function measureNetworks(): Promise<MeasuredCase[]> {
  const players = await LabPlayers.open(await currentBundle(), 2);
  try {
    const { lab } = players;
    const carriers = await Promise.all(
      [true, false].map((hairpin) => lab.home("port-restricted", { carrier: true, hairpin, ...WAY })),
    );
    const [withHairpin, without] = await Promise.all(
      carriers.map((behind) => bothBehind(players, ["port-restricted", "port-restricted"], { behind })),
    );
    const home = await lab.home("port-restricted", WAY);
    const cases: Case[] = [
      { name: "one home", hosts: [await lab.host({ net: home }), await lab.host({ net: home })], wanted: DIRECT },
      { name: "one carrier with hairpinning", hosts: withHairpin!, wanted: DIRECT },
      { name: "one carrier without hairpinning", hosts: without!, wanted: RELAY },
      {
        name: "address-dependent and port-restricted, one sidecar",
        hosts: await bothBehind(players, ["address-dependent", "port-restricted"]),
        wanted: DIRECT,
      },
      {
        name: "random and a router without a firewall",
        hosts: await bothBehind(players, ["symmetric", "masquerade"]),
        wanted: DIRECT,
      },
      {
        name: "UDP blocked and full cone",
        hosts: await bothBehind(players, ["blocked", "full-cone"]),
        wanted: ["tunnel", "relay"],
      },
    ];
    return await connectInTurn(players, cases, TRIES);
  } finally {
    await players.close();
  }
}

export const IPV4_ALONE = "IPv4 alone";

/** Both sidecars have both families. The first case is what the others are compared with. */
export async function measureFamilies(): Promise<MeasuredCase[]> {
  const players = await LabPlayers.open(await currentBundle(), 2);
  try {
    const { lab, server, stack } = players;
    const ipv6 = await lab.addIPv6(server);
    const address = [await lab.addAddress(server), ipv6].join();
    await stack.addSidecar(server, { address, status: "127.0.0.1:9465" });
    const url = await openHubByIPv6(players, ipv6);
    const cases: Case[] = [
      { name: IPV4_ALONE, hosts: [await lab.host(WAY), await lab.host(WAY)], wanted: DIRECT },
      { name: "IPv4 and IPv6", hosts: await withIPv6(players, WAY), wanted: DIRECT },
      { name: "IPv6 dropped on one side", hosts: await withDeafIPv6(players, WAY, 1), wanted: DIRECT },
      { name: "IPv6 dropped on both sides", hosts: await withDeafIPv6(players, WAY, 2), wanted: DIRECT },
      { name: "unique-local IPv6 without a route", hosts: await withLocalIPv6(players, WAY), wanted: DIRECT },
      { name: "IPv6 to the servers only", hosts: await withSeparateIPv6(players, WAY), wanted: DIRECT },
      { name: "IPv6 with firewalls, no IPv4 between them", hosts: await onlyOverIPv6(players, WAY), wanted: DIRECT },
      {
        name: "one with IPv6 alone, one with IPv4 alone",
        hosts: await withoutCommonFamily(players, WAY),
        wanted: RELAY,
        url,
      },
    ];
    return await connectInTurn(players, cases, FAMILY_TRIES);
  } finally {
    await players.close();
  }
}

export async function measureLoss(): Promise<MeasuredCase[]> {
  const players = await LabPlayers.open(await currentBundle(), 2);
  try {
    const { lab, server, stack } = players;
    await stack.addSidecar(server, { address: await lab.addAddress(server), status: "127.0.0.1:9465" });
    const cases = await Promise.all(
      LOSSES.map(async (loss) => ({
        name: `${100 * loss} %`,
        hosts: await bothBehind(players, ["port-restricted", "port-restricted"], { ...WAY, loss }),
        wanted: DIRECT,
      })),
    );
    return await connectInTurn(players, cases, LOSS_TRIES);
  } finally {
    await players.close();
  }
}
