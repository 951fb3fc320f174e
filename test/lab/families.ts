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

/** Both have both families. */
export async function withIPv6(players: LabPlayers, way: LinkConditions): Promise<Pair> {
  const pair = await pairOf(players, way);
  for (const host of pair) await players.lab.addIPv6(host);
  return pair;
}

/** Only IPv6 may be used, and only endpoints that a host has sent to may send to it. IPv4 reaches only the servers. */
export async function onlyOverIPv6(players: LabPlayers, way: LinkConditions): Promise<Pair> {
  const pair = await withIPv6(players, way);
  for (const host of pair)
    await addFirewall(host, [
      "meta l4proto udp ct state established accept",
      "ip saddr 20.0.0.0/24 ip saddr != 20.0.0.10 meta l4proto udp drop",
      "meta nfproto ipv6 meta l4proto udp drop",
    ]);
  return pair;
}

/** Both reach the servers over both families, and each other over IPv4 alone. */
export async function withSeparateIPv6(players: LabPlayers, way: LinkConditions): Promise<Pair> {
  const pair = await pairOf(players, way);
  const addresses = [await players.lab.addIPv6(pair[0]), await players.lab.addIPv6(pair[1])];
  for (const [at, host] of pair.entries()) await addFirewall(host, [`ip6 saddr ${addresses[1 - at]} drop`]);
  return pair;
}

async function addFirewall(host: Host, rules: readonly string[]): Promise<void> {
  const chain = "add chain inet home input { type filter hook input priority 0; }";
  const lines = ["add table inet home", chain, ...rules.map((rule) => `add rule inet home input ${rule}`)];
  await host.shell(...lines.map((line) => `nft '${line}'`));
}

/** Both have IPv6, which reaches this many of them. */
export async function withDeafIPv6(players: LabPlayers, way: LinkConditions, deaf: 1 | 2): Promise<Pair> {
  const pair = await withIPv6(players, way);
  for (const host of pair.slice(0, deaf)) await players.lab.deafenIPv6(host);
  return pair;
}

/** Both have IPv6 addresses that are not routed. */
export async function withLocalIPv6(players: LabPlayers, way: LinkConditions): Promise<Pair> {
  const pair = await pairOf(players, way);
  for (const host of pair) await players.lab.addLocalIPv6(host);
  return pair;
}

/** The first has IPv6 alone, the second IPv4 alone. */
export async function withoutCommonFamily(players: LabPlayers, way: LinkConditions): Promise<Pair> {
  const pair = await pairOf(players, way);
  await players.lab.addIPv6(pair[0]);
  await pair[0].shell("ip -4 addr flush dev eth0");
  return pair;
}

/** Makes the hub reachable at this IPv6 address of its host, and returns its URL there. */
export async function openHubByIPv6({ server }: LabPlayers, address: string): Promise<string> {
  await server.run("tcp-forward.ts", [address, String(HUB_PORT), server.address]);
  return `http://[${address}]:${HUB_PORT}`;
}
