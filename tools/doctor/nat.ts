/** Detects NATs from STUN responses: in front of this machine, and in front of the sidecar. */
import { formatEndpoint } from "#shared/net/endpoint.ts";
import { isSpecial } from "#shared/net/special-ranges.ts";
import { type Finding, fault, note, ok } from "./finding.ts";
import type { Observation } from "./stun.ts";

/** `local`: the addresses of this machine. */
export function checkNat(local: readonly string[], sidecar: string, { port, mapped }: Observation): Finding[] {
  const [first] = mapped;
  if (first === undefined) return [];
  if (local.includes(first.address)) {
    return [ok("NAT in front of the sidecar", "it sees this machine's own address"), ok("NAT here", "none")];
  }
  if (isSpecial(first.address)) {
    const where = isSpecial(sidecar) ? "a private address that this machine does not have" : "a private address";
    return [
      fault(
        "NAT in front of the sidecar",
        `it sees this machine as ${first.address}, ${where}: players' addresses are hidden, and no peers can be introduced`,
        "use host networking for a container, and do not masquerade incoming traffic",
      ),
    ];
  }
  const inFront = ok("NAT in front of the sidecar", `it sees a public address, ${first.address}`);
  if (mapped.every((endpoint) => formatEndpoint(endpoint) === formatEndpoint(first))) {
    const ports = first.port === port ? "keeps port numbers" : "uses one mapping for all destinations";
    return [inFront, ok("NAT here", `${first.address}, which ${ports}: hole punching works`)];
  }
  const text = `${first.address} uses another port for each destination`;
  const next = "docs/internals/nat.md lists the NATs that it can connect to; other peers need a relay";
  return [inFront, note("NAT here", text, next)];
}
