/**
 * Loss and delay on the link between a host and its network. nftables drops packets; a program delays them, because the
 * kernels of test machines often lack netem. A delayed link is two VXLAN tunnels to one UDP socket, which holds each
 * frame of one tunnel for the delay and sends it into the other.
 */
import { namespaceCommands } from "./lab-namespaces.ts";

export type LinkConditions = {
  /** Share of IPv4 packets lost in each direction, 0 to 1. */
  readonly loss?: number;
  /** Delay in each direction, in whole milliseconds. */
  readonly delay_ms?: number;
};

/**
 * The MAC address of every bridge with an IP address. By default it changes with the ports, and hosts would send to the
 * old one until their ARP entries expire.
 */
export const BRIDGE_MAC = "02:00:00:00:00:01";
/** The namespace of the delaying program, and its address there. */
export const DELAYER = "delayer";
const DELAYER_ADDRESS = "10.99.0.1";
/** The port of the VXLAN devices and of the program. */
export const VXLAN_PORT = 4_789;
/** The ends of a link with a delay of n ms are tunnels 2n and 2n + 1, so the program needs no other state. */
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

/** The shell line that loads these rules in the namespace. */
export const nft = (name: string, rules: string): string => `ip netns exec ${name} nft -f - <<'RULES'\n${rules}\nRULES`;

/**
 * The tunnels leave through a bridge, not through the veth pair itself: a veth pair leaves checksums to its other end,
 * so the program would read incomplete ones. A bridge does not offer that.
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

/** Drops on the bridge behind the router, so that a lost datagram still creates its NAT mapping. ARP is never lost. */
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
