/** NAT behaviour of a home's router as nftables rules, in the terms of RFC 4787. Tests measure each from outside. */

/**
 * - `full-cone`: one external port per socket, open to all hosts
 * - `address-restricted`: the same port, open to addresses that the socket sent to
 * - `port-restricted`: the same port, open to endpoints that the socket sent to. The most common kind.
 * - `symmetric`: a random port per destination endpoint, open to that endpoint
 * - `sequential`: like symmetric, but always the next port
 * - `address-dependent`: a port per destination address, scattered, open to endpoints that the socket sent to
 * - `masquerade`: Linux without a firewall, as on some routers: an early datagram of a peer occupies its port
 * - `blocked`: no UDP at all
 */
export type NatKind =
  | "full-cone"
  | "address-restricted"
  | "port-restricted"
  | "symmetric"
  | "sequential"
  | "address-dependent"
  | "masquerade"
  | "blocked";

export type NatOptions = {
  /** External ports differ from internal ones, as on many routers that do not run Linux. */
  readonly movesPorts?: boolean;
  /** Two hosts of the home reach each other by external endpoints. Symmetric routers here never support it. */
  readonly hairpin?: boolean;
};

/** `wan` is the router's public address on its interface `wan`, `lan` the home's network on `lan`, like 192.168.1.0/24. */
export function natRules(kind: NatKind, wan: string, lan: string, options: NatOptions = {}): string {
  const { movesPorts = false, hairpin = false } = options;
  if (kind === "symmetric") return symmetric("masquerade fully-random");
  if (kind === "sequential") return symmetric(`snat to ${wan} : ${counting()}`);
  if (kind === "address-dependent") return symmetric(`snat to ${wan} : ${scattered()}`);
  if (kind === "masquerade") return masquerade;
  if (kind === "blocked") return blocked;
  return `${independent(wan, lan, movesPorts, hairpin)}\n${filter(kind)}`;
}

/** Consecutive ports. A named map or an offset would count in the host's byte order. */
const counting = (): string =>
  `numgen inc mod ${COUNTED} map { ${Array.from({ length: COUNTED }, (_, at) => `${at} : ${20_000 + at}`).join(", ")} }`;
const COUNTED = 2_048;

/** A port for each socket and destination address, from the whole range. */
const scattered = (): string =>
  `jhash ip saddr . udp sport . ip daddr mod ${COUNTED} map { ${Array.from({ length: COUNTED }, (_, at) => `${at} : ${1_024 + 31 * at}`).join(", ")} }`;

const masquerade = `
table ip nat {
  chain prerouting { type nat hook prerouting priority -100; }
  chain postrouting { type nat hook postrouting priority 100
    oifname "wan" masquerade
  }
}`;

const blocked = `
table ip nat {
  chain postrouting { type nat hook postrouting priority 100
    oifname "wan" masquerade
  }
}
table ip filter {
  chain forward { type filter hook forward priority 0
    meta l4proto udp drop
    iifname "wan" ct state established,related accept
    iifname "wan" drop
  }
}`;

/** `how`: the rule that selects the port for a new destination. */
function symmetric(how: string): string {
  return `
table ip nat {
  chain prerouting { type nat hook prerouting priority -100; }
  chain postrouting { type nat hook postrouting priority 100
    oifname "wan" meta l4proto udp ${how}
    oifname "wan" masquerade
  }
}
${filter("port-restricted")}`;
}

/** Endpoint-independent mapping: a table from external ports to sockets, filled by outgoing packets. */
function independent(wan: string, lan: string, movesPorts: boolean, hairpin: boolean): string {
  // Flipping one bit changes every port and maps no two ports to the same one.
  const port = movesPorts ? "udp sport ^ 0x0040" : "udp sport";
  return `
table ip nat {
  map eim {
    type inet_service : ipv4_addr . inet_service
    flags dynamic,timeout
    timeout 300s
    size 65536
  }
  chain prerouting { type nat hook prerouting priority -100
    ${hairpin ? `iifname "lan" ip daddr ${wan} meta l4proto udp dnat to udp dport map @eim` : ""}
    iifname "wan" meta l4proto udp dnat to udp dport map @eim
  }
  chain postrouting { type nat hook postrouting priority 100
    ${hairpin ? `oifname "lan" ip saddr ${lan} ip daddr ${lan} meta l4proto udp snat to ${wan} : ${port}` : ""}
    oifname "wan" meta l4proto udp update @eim { ${port} timeout 300s : ip saddr . udp sport }
    ${movesPorts ? `oifname "wan" meta l4proto udp snat to ${wan} : ${port}` : ""}
    oifname "wan" masquerade
  }
}`;
}

/**
 * Filtering. The router drops datagrams for itself: if it accepted an early datagram of a peer, conntrack would occupy
 * the port that the client is about to use, and the client would get another one.
 */
function filter(
  kind: Exclude<NatKind, "symmetric" | "sequential" | "address-dependent" | "masquerade" | "blocked">,
): string {
  const seen = `
  set seen {
    type ipv4_addr . inet_service . ipv4_addr
    flags dynamic,timeout
    timeout 300s
    size 65536
  }`;
  const byAddress = `
    oifname "wan" meta l4proto udp update @seen { ip saddr . udp sport . ip daddr timeout 300s }
    iifname "wan" meta l4proto udp ip daddr . udp dport . ip saddr @seen accept`;
  const forward = `
  chain forward { type filter hook forward priority 0${kind === "address-restricted" ? byAddress : ""}
    iifname "wan" ct state established,related accept
    iifname "wan" drop
  }`;
  return `
table ip filter {${kind === "address-restricted" ? seen : ""}
  chain input { type filter hook input priority 0
    iifname "wan" meta l4proto udp drop
  }${kind === "full-cone" ? "" : forward}
}`;
}
