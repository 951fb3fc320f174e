/** What stands between: in front of this person, and in front of the sidecar. */
import { formatEndpoint, isSpecial } from "#shared/net/endpoint.ts";
import { type Finding, fault, note, ok } from "./finding.ts";
import type { Seen } from "./stun.ts";

/** `own`: the addresses of this machine. */
export function examineNat(own: readonly string[], sidecar: string, { port, at }: Seen): Finding[] {
  const [first] = at;
  if (first === undefined) return [];
  if (own.includes(first.address)) {
    return [ok("NAT in front of the sidecar", "it sees this machine as it is"), ok("NAT here", "none")];
  }
  if (isSpecial(first.address) && !isSpecial(sidecar)) {
    return [
      fault(
        "NAT in front of the sidecar",
        `it sees this machine as ${first.address}: players' addresses are hidden, and nobody can be introduced`,
        "let it see them: host networking for a container, and no masquerading of what comes in",
      ),
    ];
  }
  const beside = ok("NAT in front of the sidecar", `it sees a public address, ${first.address}`);
  const same = at.every((one) => formatEndpoint(one) === formatEndpoint(first));
  if (same) {
    const ports = first.port === port ? "keeps port numbers" : "renumbers ports, but alike for everybody";
    return [beside, ok("NAT here", `${first.address}, which ${ports}: it can be punched`)];
  }
  return [
    beside,
    note(
      "NAT here",
      `${first.address} gives every destination another port`,
      "docs/internals/nat.md says whom it can meet; the others need a relay",
    ),
  ];
}
