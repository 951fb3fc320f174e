/** Checks every address that a sidecar advertises: clients try all of them, and some have only one address family. */
import { networkInterfaces } from "node:os";
import type { SidecarView } from "#shared/api/service.ts";
import { type Finding, fault, note, ok } from "./finding.ts";
import { checkStun } from "./stun.ts";

type Advertised = Pick<SidecarView, "v4" | "v6" | "ports">;

/** `checked`: the address that the other checks use. */
export async function checkAddresses({ v4, v6, ports }: Advertised, checked: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (v4.length === 0) {
    const text = "it advertises no IPv4 address: players without IPv6, and all of Rabid, Dowsett and noray, need one";
    findings.push(fault("addresses", text, "add its IPv4 address to PARLEY_ADDRESSES"));
  }
  const all = ports.map(({ port }) => port);
  for (const address of [...v4, ...v6]) if (address !== checked) findings.push(await checkAddress(address, all));
  return findings;
}

async function checkAddress(address: string, ports: readonly number[]): Promise<Finding> {
  const subject = `address ${address}`;
  if (address.includes(":") && !hasIPv6()) {
    return note(subject, "not checked, because this machine has no IPv6", "run the doctor where there is IPv6");
  }
  const { good } = await checkStun(address, ports);
  const closed = ports.filter((port) => !good.has(port));
  if (closed.length === 0) return ok(subject, "all its UDP ports answer");
  return fault(
    subject,
    `clients get this address, and UDP ${closed.join(", ")} does not answer there`,
    "open the ports for this address (IPv6 has its own firewall rules), or remove it from PARLEY_ADDRESSES",
  );
}

/** Whether an interface has an IPv6 address, apart from loopback and link-local ones. */
const hasIPv6 = (): boolean =>
  Object.values(networkInterfaces()).some((all) =>
    (all ?? []).some(({ family, internal, address }) => family === "IPv6" && !internal && !address.startsWith("fe80:")),
  );
