/**
 * The ports that a firewall must open for a configuration, as commands for ufw and for nftables. No other port is
 * needed.
 */
import type { Config } from "./config.ts";

type OpenPort = { readonly protocol: "udp" | "tcp"; readonly ports: string; readonly what: string };

type Settings = Pick<Config, "ports" | "relay_ports" | "noray" | "nohub" | "tunnel" | "tunnel_url">;

/** The ports that players use. Health and metrics are not among them. */
export function openPorts({ ports, relay_ports, noray, nohub, tunnel, tunnel_url }: Settings): OpenPort[] {
  // Behind a TLS proxy only the proxy connects to the tunnels' port.
  const tunnels = relay_ports !== null && tunnel !== null && tunnel_url === "" ? [tunnel.port] : [];
  return [
    ...ports.map(({ port, wires }) => ({ protocol: "udp" as const, ports: String(port), what: wires.join(", ") })),
    ...(relay_ports === null
      ? []
      : [{ protocol: "udp" as const, ports: `${relay_ports.first}-${relay_ports.last}`, what: "relay" }]),
    ...(noray === null ? [] : [{ protocol: "tcp" as const, ports: String(noray.port), what: "noray, commands" }]),
    ...nohub.map(({ port }) => ({ protocol: "tcp" as const, ports: String(port), what: "nohub" })),
    ...tunnels.map((port) => ({ protocol: "tcp" as const, ports: String(port), what: "tunnels" })),
  ];
}

export function firewallLines(open: readonly OpenPort[]): string {
  const portsOf = (protocol: OpenPort["protocol"]): string =>
    open
      .filter((one) => one.protocol === protocol)
      .map(({ ports }) => ports)
      .join(", ");
  const rules = (["udp", "tcp"] as const).filter((protocol) => portsOf(protocol) !== "");
  return [
    "# ufw",
    ...open.map(({ protocol, ports, what }) => {
      return `ufw allow proto ${protocol} to any port ${ports.replace("-", ":")} comment "parley: ${what}"`;
    }),
    "",
    "# nftables, where a table inet filter has a chain input",
    ...rules.map((protocol) => `nft add rule inet filter input ${protocol} dport { ${portsOf(protocol)} } accept`),
    "",
  ].join("\n");
}
