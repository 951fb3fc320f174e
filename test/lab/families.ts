/** Pairs of hosts with useless or missing address families, on links with the same delay. */
import type { Host } from "./lab.ts";
import type { LinkConditions } from "./lossy-link.ts";
import type { LabPlayers } from "./lab-players.ts";
import { HUB_PORT } from "./sidecar.ts";

type Pair = readonly [Host, Host];

const pairOf = async ({ lab }: LabPlayers, way: LinkConditions): Promise<Pair> => [
  await lab.host(way),
  await lab.host(way),
];

/** Both have IPv6, which reaches this many of them. */
export async function withDeafIPv6(players: LabPlayers, way: LinkConditions, deaf: 1 | 2): Promise<Pair> {
  const pair = await pairOf(players, way);
  for (const host of pair) await players.lab.addIPv6(host);
  for (const host of pair.slice(0, deaf)) await players.lab.deafenIPv6(host);
  return pair;
}

/** Both have IPv6 addresses that are not routed. */
export async function withLocalIPv6(players: LabPlayers, way: LinkConditions): Promise<Pair> {
  const pair = await pairOf(players, way);
  for (const host of pair) await players.lab.addLocalIPv6(host);
  return pair;
}

/** The first has IPv6 alone, the second IPv4 alone. `url`: the hub's for the first. */
export async function withoutCommonFamily(
  players: LabPlayers,
  way: LinkConditions,
  address: string,
): Promise<{ readonly pair: Pair; readonly url: string }> {
  const { lab, server } = players;
  const pair = await pairOf(players, way);
  await lab.addIPv6(pair[0]);
  await pair[0].shell("ip -4 addr flush dev eth0");
  await server.run("tcp-forward.ts", [address, String(HUB_PORT), server.address]);
  return { pair, url: `http://[${address}]:${HUB_PORT}` };
}
