/**
 * A laboratory of NATs: a wide area network with hosts, and homes behind routers with hosts inside.
 *
 *     const lab = await Lab.open();
 *     const server = await lab.host();
 *     const home = await lab.home("port-restricted", { loss: 0.3 });
 *     const player = await lab.host({ net: home });
 *     const program = await player.run("socket.ts", ["5000"]);
 *     await lab.close();
 *
 * Each host, each router and the wide area is a network namespace. The laboratory and the machine's own network cannot
 * reach each other. Nothing is left after `close`, nor after any other end of this process.
 */
import { type NatKind, type NatOptions, natRules } from "./nat.ts";
import { Program } from "./program.ts";
import { namespaceCommands, LabNamespaces } from "./lab-namespaces.ts";
import { BRIDGE_MAC, linkCommands, DELAYER, delayerCommands, nft, type LinkConditions } from "./lossy-link.ts";

/** A network, in a namespace with a bridge named `lan`, which holds the gateway's address. */
export type Net = {
  readonly name: string;
  /** The first three bytes of its hosts' addresses. */
  readonly prefix: string;
  /** The length of the network prefix. */
  readonly bits: 16 | 24;
  hosts: number;
};

export type Home = Net & { readonly kind: NatKind; /** Its public address. */ readonly address: string };

export type HomeOptions = NatOptions & LinkConditions & { readonly behind?: Net; readonly carrier?: boolean };

/**
 * Public ranges, because programs may treat the ranges for documentation as not public. No packet leaves the
 * namespaces.
 */
const WAN_PREFIX = "20.0.0";
const HOMES_PREFIX = "20.0.1";
const IPV6_PREFIX = "2a00:20";
/** The limit of one address byte. */
const HOSTS_MAX = 240;
const HOMES_MAX = 254;
/** Hub and sidecar may start slowly on a busy machine. */
const BEGIN_MS = 60_000;

export class Lab {
  readonly #space: LabNamespaces;
  readonly #wan: Net = { name: "wan", prefix: WAN_PREFIX, bits: 16, hosts: 0 };
  readonly #hosts: Host[] = [];
  #delayer: Promise<void> | null = null;
  #homes = 0;
  #addresses6 = 0;
  #ways = 0;

  private constructor(space: LabNamespaces) {
    this.#space = space;
  }

  static async open(): Promise<Lab> {
    const lab = new Lab(await LabNamespaces.open());
    await lab.#space.shell([
      ...bridgeCommands(lab.#wan),
      `ip -n wan link set lo up`,
      ...forwardingCommands(lab.#wan.name),
    ]);
    return lab;
  }

  /** The pid of the first process inside, as seen from outside. The laboratory exists as long as this process. */
  get pid(): number {
    return this.#space.pid;
  }

  /** A host in a home, or on the wide area with a public address. */
  async host({ net = this.#wan, ...way }: { readonly net?: Net } & LinkConditions = {}): Promise<Host> {
    if (net.hosts >= HOSTS_MAX) throw new RangeError(`${net.name} has no room for more hosts`);
    const address = `${net.prefix}.${10 + net.hosts}`;
    const name = `${net.name}-${10 + net.hosts++}`;
    await this.#space.shell(namespaceCommands(name));
    await this.#attach(name, "eth0", address, net, way);
    return this.#remember(new Host(name, address, this.#space));
  }

  /**
   * A home behind a router of this kind. The options describe the router's link to the wide area, or to the carrier that
   * it is `behind`. Every home has its own address range; a `carrier` has one of the range for carriers.
   */
  async home(kind: NatKind, options: HomeOptions = {}): Promise<Home> {
    const number = ++this.#homes;
    if (number > HOMES_MAX) throw new RangeError("there is no room for more homes");
    const { behind, carrier = false } = options;
    const address = behind === undefined ? `${HOMES_PREFIX}.${number}` : `${behind.prefix}.${10 + behind.hosts++}`;
    const prefix = `${carrier ? "100.64" : "192.168"}.${number}`;
    const home: Home = { name: `home${number}`, prefix, bits: 24, hosts: 0, kind, address };
    await this.#space.shell(bridgeCommands(home));
    await this.#attach(home.name, "wan", address, behind ?? this.#wan, options);
    await this.#space.shell([
      ...forwardingCommands(home.name),
      nft(home.name, natRules(kind, address, `${home.prefix}.0/24`, options)),
    ]);
    return home;
  }

  /** Gives a host of the wide area another public address. */
  async addAddress({ name }: Host): Promise<string> {
    const address = `${this.#wan.prefix}.${10 + this.#wan.hosts++}`;
    await this.#space.shell([`ip -n ${name} addr add ${address}/32 dev eth0`]);
    return address;
  }

  /** Gives a host of the wide area an IPv6 address; a further one replaces it as the preferred one, like a privacy address. */
  async addIPv6({ name }: Host): Promise<string> {
    // Each in another /64: hosts of one count as one home.
    const address = `${IPV6_PREFIX}:0:${10 + ++this.#addresses6}::1`;
    await this.#space.shell([
      ...(this.#addresses6 === 1 ? gatewayCommands6(this.#wan) : []),
      enableIPv6(name, "eth0"),
      `ip -n ${name} -6 -o addr show dev eth0 scope global | awk '{print $4}' | while read old; do`,
      `  ip -n ${name} -6 addr change $old dev eth0 preferred_lft 0`,
      "done",
      `ip -n ${name} -6 addr add ${address}/128 dev eth0 nodad`,
      `ip -n ${name} -6 route replace default via ${IPV6_PREFIX}::1 dev eth0 onlink`,
    ]);
    return address;
  }

  /** Gives these addresses a name, which programs on this host know from now on. */
  async addName(host: Host, name: string, addresses: readonly string[]): Promise<void> {
    await this.#space.addName(name, addresses);
    host.hasNames = true;
  }

  /** Drops longer IPv6 packets that the host receives, without a word to their sender. */
  async limitIPv6({ name }: Host, bytes_max: number): Promise<void> {
    const rule = `    meta nfproto ipv6 meta length > ${bytes_max} drop`;
    const chain = ["  chain input { type filter hook input priority 0", rule, "  }"];
    await this.#space.shell([nft(name, ["table inet shortened {", ...chain, "}"].join("\n"))]);
  }

  /** Drops everything that the host receives over IPv6, except neighbour discovery: a family that looks usable and is not. */
  async deafenIPv6({ name }: Host): Promise<void> {
    const rules = [
      "meta nfproto ipv6 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
      "meta nfproto ipv6 drop",
    ];
    const chain = ["  chain input { type filter hook input priority 0", ...rules.map((rule) => `    ${rule}`), "  }"];
    await this.#space.shell([nft(name, ["table inet deaf {", ...chain, "}"].join("\n"))]);
  }

  /** Gives a host of the wide area a unique-local address, which is not routed there, and a default route. */
  async addLocalIPv6({ name }: Host): Promise<void> {
    await this.#space.shell([
      enableIPv6(name, "eth0"),
      `ip -n ${name} -6 addr add fd00::${10 + ++this.#addresses6}/64 dev eth0 nodad`,
      `ip -n ${name} -6 route replace default via ${IPV6_PREFIX}::1 dev eth0 onlink`,
    ]);
  }

  /** Plugs a host into another network, where it has another address: Wi-Fi ends, and mobile data begins. */
  async move({ name }: Host, net: Net): Promise<void> {
    await this.#space.shell([`ip -n ${name} link del eth0`]);
    await this.#attach(name, "eth0", `${net.prefix}.${10 + net.hosts++}`, net, {});
  }

  /** The home's router drops UDP from and to this address, or in one direction. */
  async block(home: Home, address: string, ends: readonly ("saddr" | "daddr")[] = ["saddr", "daddr"]): Promise<void> {
    await this.#dropForwarded(
      home,
      ends.map((end) => `ip ${end} ${address} meta l4proto udp`),
    );
  }

  /** The home's router admits TCP to this address only at this port. */
  async allowOnlyPort(home: Home, address: string, port: number): Promise<void> {
    await this.#dropForwarded(home, [`ip daddr ${address} tcp dport != ${port}`]);
  }

  async unblock({ name }: Home): Promise<void> {
    await this.#space.shell([`ip netns exec ${name} nft delete table ip blocked`]);
  }

  /** The home's router loses its mappings, as after a restart. Its rules must use `masquerade`. */
  async forget({ name, address }: Home): Promise<void> {
    await this.#space.shell([
      `ip -n ${name} addr del ${address}/32 dev wan`,
      `ip -n ${name} addr add ${address}/32 dev wan`,
      `ip -n ${name} route replace default via ${WAN_PREFIX}.1 dev wan onlink`,
    ]);
  }

  /** Ends every program and all processes that they started. */
  async close(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.end()));
    await this.#space.close();
  }

  /** `matching`: what is dropped, as expressions of nftables. */
  async #dropForwarded({ name }: Home, matching: readonly string[]): Promise<void> {
    const chain = [
      "  chain forward { type filter hook forward priority -10",
      ...matching.map((one) => `    ${one} drop`),
      "  }",
    ];
    await this.#space.shell([nft(name, ["table ip blocked {", ...chain, "}"].join("\n"))]);
  }

  #remember(host: Host): Host {
    this.#hosts.push(host);
    return host;
  }

  async #attach(name: string, device: string, address: string, net: Net, way: LinkConditions): Promise<void> {
    if (way.delay_ms !== undefined) await (this.#delayer ??= this.#startDelayer());
    const number = this.#ways++;
    await this.#space.shell([
      `ip -n ${name} link set lo up`,
      ...linkCommands(name, device, net.name, `port${number}`, way, number),
      // Each host of the wide area reaches only its gateway, so that no host receives another's broadcasts. With a
      // hundred delayed links, broadcasts would be most of the frames that the delayer carries.
      ...(net === this.#wan ? [`ip -n ${net.name} link set port${number} type bridge_slave isolated on`] : []),
      `ip -n ${name} addr add ${address}/${net === this.#wan ? 32 : net.bits} dev ${device}`,
      `ip -n ${name} link set ${device} up`,
      `ip -n ${name} route add default via ${net.prefix}.1 dev ${device} onlink`,
      ...waitForGateway(name, device, `${net.prefix}.1`),
    ]);
  }

  async #startDelayer(): Promise<void> {
    await this.#space.shell(delayerCommands);
    await this.#remember(new Host(DELAYER, "", this.#space)).run("delayer.ts");
  }
}

/** A machine: a network namespace with one address. */
export class Host {
  readonly name: string;
  readonly address: string;
  readonly #space: LabNamespaces;
  readonly #programs: Program[] = [];
  /** Programs know the laboratory's names. */
  hasNames = false;

  constructor(name: string, address: string, space: LabNamespaces) {
    this.name = name;
    this.address = address;
    this.#space = space;
  }

  /** Runs a file of `test/lab/programs/` on this host and waits for its first line. */
  async run(file: string, args: readonly string[] = []): Promise<Program> {
    const prefix = this.hasNames ? this.#space.namesPrefix(this.name) : this.commandPrefix;
    const program = Program.start(`${file} on ${this.name}`, prefix, file, args);
    this.#programs.push(program);
    await program.waitForLine(() => true, { within_ms: BEGIN_MS });
    return program;
  }

  /** The prefix of a command that runs on this host. */
  get commandPrefix(): readonly string[] {
    return this.#space.commandPrefix(this.name);
  }

  /** Runs shell lines on this host. */
  shell(...lines: readonly string[]): Promise<void> {
    return this.#space.shell(lines.map((line) => `ip netns exec ${this.name} ${line}`));
  }

  /** Signals every process on this host: SIGSTOP is the sleep of a machine. */
  signal(signal: NodeJS.Signals): void {
    this.#space.signal(this.name, signal);
  }

  /** Ends its programs. */
  async end(): Promise<void> {
    await Promise.all(this.#programs.splice(0).map((program) => program.end()));
  }
}

/** Waits until the gateway answers, because new devices drop frames at first, tunnels for about a second. */
function waitForGateway(name: string, device: string, gateway: string): string[] {
  return [
    "for try in $(seq 1000); do",
    `  ip -n ${name} neigh replace ${gateway} dev ${device} use`,
    `  ip -n ${name} neigh show ${gateway} | grep -q REACHABLE && break`,
    "  sleep 0.05",
    "done",
    `ip -n ${name} neigh show ${gateway} | grep -q REACHABLE`,
  ];
}

/** Packets to unknown networks are dropped here, as by a provider. */
function bridgeCommands(net: Net): string[] {
  return [
    ...namespaceCommands(net.name),
    `ip -n ${net.name} link add name lan address ${BRIDGE_MAC} type bridge`,
    `ip -n ${net.name} addr add ${net.prefix}.1/${net.bits} dev lan`,
    `ip -n ${net.name} link set lan up`,
  ];
}

/** Without redirects: the gateway would send hosts to each other's interfaces, which cannot reach each other. */
const enableIPv6 = (name: string, device: string): string =>
  `ip netns exec ${name} sh -c 'cd /proc/sys/net/ipv6/conf/${device}; echo 0 > accept_redirects; echo 0 > disable_ipv6'`;

const gatewayCommands6 = ({ name }: Net): string[] => [
  enableIPv6(name, "lan"),
  `ip netns exec ${name} sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'`,
  `ip -n ${name} -6 addr add ${IPV6_PREFIX}::1/48 dev lan nodad`,
];

/** Enables routing between the interfaces, without ICMP redirects. */
function forwardingCommands(name: string): string[] {
  const on = ["echo 1 > net/ipv4/ip_forward", "for file in net/ipv4/conf/*/send_redirects; do echo 0 > $file; done"];
  return [`ip netns exec ${name} sh -c 'cd /proc/sys; ${on.join("; ")}'`];
}
