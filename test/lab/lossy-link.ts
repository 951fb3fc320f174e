/**
 * What happens on the way between a host and its network: loss, by nftables; delay, by a program, because the kernels
 * of test machines often lack netem. A delayed way is two VXLAN tunnels to one UDP socket, which holds what comes out
 * of one of them for a while and puts it into the other.
 */
import { namespaceCommands } from "./lab-namespaces.ts";

export type LinkConditions = {
  /** Share of IPv4 packets lost, each way, from 0 to 1. */
  readonly loss?: number;
  /** Whole milliseconds that everything takes, each way. */
  readonly delay_ms?: number;
};

/**
 * Of every bridge that has an address of its own, said because it would else change with the ports: whoever knew the old
 * one would send to nobody, for as long as it takes to find out.
 */
export const BRIDGE_MAC = "02:00:00:00:00:01";
/** The namespace of the program that delays, and its address there. */
export const DELAYER = "delayer";
const DELAYER_ADDRESS = "10.99.0.1";
/** Where a VXLAN device listens, and the program too. */
export const VXLAN_PORT = 4_789;
/** The two ends of a way have the tunnels 2n and 2n + 1, where n is its delay: the program needs to know nothing else. */
export const DELAY_MS_MAX = 10_000;

export const delayerCommands: readonly string[] = [
  ...namespaceCommands(DELAYER),
  `ip -n ${DELAYER} link add name under address ${BRIDGE_MAC} type bridge`,
  `ip -n ${DELAYER} addr add ${DELAYER_ADDRESS}/16 dev under`,
  `ip -n ${DELAYER} link set under up`,
];

/** Connects `device` of namespace `name` with the bridge `lan` of namespace `net`, there as `port`. */
export function linkCommands(
  name: string,
  device: string,
  net: string,
  port: string,
  way: LinkConditions,
  number: number,
): string[] {
  const { loss = 0, delay_ms = 0 } = way;
  if (loss < 0 || loss > 1) throw new RangeError(`${loss} is no share`);
  if (!Number.isInteger(delay_ms) || delay_ms < 0 || delay_ms > DELAY_MS_MAX) throw new RangeError(`${delay_ms} ms`);
  const cable =
    delay_ms === 0
      ? [`ip -n ${name} link add name ${device} type veth peer name ${port} netns ${net}`]
      : delayedLinkCommands(name, device, net, port, delay_ms, number);
  return [
    ...cable,
    `ip -n ${net} link set ${port} master lan up`,
    ...(loss > 0 ? [nft(net, lossRules(port, loss))] : []),
  ];
}

/** Runs these rules in the namespace. */
export const nft = (name: string, rules: string): string => `ip netns exec ${name} nft -f - <<'RULES'\n${rules}\nRULES`;

/**
 * The tunnels leave through a bridge, not through the cable itself: a veth pair would hand on the checksums inside
 * unfinished, for its other end to finish, and then the program would read them so. A bridge does not offer that.
 */
function delayedLinkCommands(
  name: string,
  device: string,
  net: string,
  port: string,
  delay_ms: number,
  number: number,
): string[] {
  const way = `way${number}`;
  const address = `10.99.${1 + (number >> 8)}.${number & 255}`;
  const tunnel = (end: 0 | 1): string[] => [
    `ip -n ${way} link add name tunnel${end} type vxlan id ${2 * delay_ms + end} local ${address} remote ${DELAYER_ADDRESS} dstport ${VXLAN_PORT} dev under nolearning`,
    `ip -n ${way} link add name end${end} type bridge`,
    `ip -n ${way} link set tunnel${end} master end${end} up`,
    `ip -n ${way} link set end${end} up`,
  ];
  return [
    ...namespaceCommands(way),
    `ip -n ${way} link add name under type bridge`,
    `ip -n ${way} link add name cable mtu 2000 type veth peer name ${way} mtu 2000 netns ${DELAYER}`,
    `ip -n ${way} link set cable master under up`,
    `ip -n ${DELAYER} link set ${way} master under up`,
    `ip -n ${way} addr add ${address}/16 dev under`,
    `ip -n ${way} link set under up`,
    ...tunnel(0),
    ...tunnel(1),
    `ip -n ${name} link add name ${device} type veth peer name near netns ${way}`,
    `ip -n ${way} link set near master end0 up`,
    `ip -n ${net} link add name ${port} type veth peer name far netns ${way}`,
    `ip -n ${way} link set far master end1 up`,
  ];
}

/** On the bridge, beyond the router, so that a lost datagram has opened its NAT all the same. ARP is never lost. */
function lossRules(port: string, loss: number): string {
  const lost = `ether type ip numgen random mod 1000 < ${Math.round(loss * 1_000)} drop`;
  return `
table bridge ${port} {
  chain up { type filter hook prerouting priority 0
    iifname "${port}" ${lost}
  }
  chain down { type filter hook postrouting priority 0
    oifname "${port}" ${lost}
  }
}`;
}
