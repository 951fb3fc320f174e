import { expect, test } from "vitest";
import { parseConfig } from "../../../udp-sidecar/config/config.ts";
import { firewallLines, openPorts } from "../../../udp-sidecar/config/firewall.ts";

function portsOf(settings: Readonly<Record<string, string>>): string[] {
  const parsed = parseConfig([], { PARLEY_KEY: "key", ...settings });
  if (!("config" in parsed)) throw new Error(parsed.problems.join());
  return openPorts(parsed.config).map(({ protocol, ports }) => `${protocol} ${ports}`);
}

test("by default every documented port is open, and the status port is not", () => {
  const udp = ["udp 3478", "udp 3479", "udp 5160", "udp 8809", "udp 57775", "udp 49152-51200"];
  expect(portsOf({})).toStrictEqual([...udp, "tcp 8890", "tcp 9980", "tcp 12980", "tcp 8891"]);
});

test("a port that is off or behind a proxy is not open", () => {
  expect(portsOf({ PARLEY_PORTS: "4000=rabid" })).toStrictEqual(["udp 4000", "udp 49152-51200", "tcp 8891"]);
  expect(portsOf({ PARLEY_PORTS: "4000=rabid", PARLEY_RELAY_PORTS: "off" })).toStrictEqual(["udp 4000"]);
  expect(portsOf({ PARLEY_NORAY: "off", PARLEY_TUNNEL_URL: "wss://hub.example/tunnel" })).not.toContain("tcp 8890");
  expect(portsOf({ PARLEY_TUNNEL_URL: "wss://hub.example/tunnel" })).not.toContain("tcp 8891");
});

test("the commands are for ufw and nftables", () => {
  const lines = firewallLines([
    { protocol: "udp", ports: "3478", what: "rabid" },
    { protocol: "udp", ports: "49152-51200", what: "relay" },
    { protocol: "tcp", ports: "8890", what: "noray, commands" },
  ]).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      'ufw allow proto udp to any port 49152:51200 comment "parley: relay"',
      'ufw allow proto tcp to any port 8890 comment "parley: noray, commands"',
      "nft add rule inet filter input udp dport { 3478, 49152-51200 } accept",
      "nft add rule inet filter input tcp dport { 8890 } accept",
    ]),
  );
});
