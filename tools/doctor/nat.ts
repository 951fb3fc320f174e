/** What stands between: in front of this person, and in front of the sidecar. */
import { formatEndpoint, isSpecial } from "#shared/endpoint.ts";
import { type Finding, fault, note, ok } from "./finding.ts";
import type { Seen } from "./rabid.ts";

/** `own`: the addresses of this machine. `seen` by two ports of the sidecar, each time two sockets. */
export function examineNat(own: readonly string[], sidecar: string, seen: readonly Seen[]): Finding[] {
  const first = seen[0]?.seen[0];
  if (first === undefined) return [];
  if (own.includes(first.address)) {
    return [ok("NAT in front of the sidecar", "it sees this machine as it is"), ok("NAT here", "none")];
  }
  if (isSpecial(first.address) && !isSpecial(sidecar)) {
    return [
      fault(
        "NAT in front of the sidecar",
        `it sees this machine as ${first.address}: it hides players' addresses, so that nobody can be introduced`,
        "let the sidecar see the addresses of players: host networking for containers, no masquerading on the way in",
      ),
    ];
  }
  const beside = ok("NAT in front of the sidecar", `it sees a public address, ${first.address}`);
  const keeps = seen.every(({ mine, seen: at }) => at.every(({ port }, which) => port === mine[which]));
  if (keeps) return [beside, ok("NAT here", `${first.address}, which keeps port numbers: it can be punched`)];
  return [
    beside,
    note(
      "NAT here",
      `${formatEndpoint(first)}: it gives out ports of its own`,
      "docs/nat.md says which pairs meet; others need a relay",
    ),
  ];
}
