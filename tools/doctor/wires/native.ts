/** Checks the native wire: the sidecar must verify a ticket of the hub by itself. */
import { NATIVE_REQUEST_BYTES_MIN } from "#shared/limits.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, ok } from "../finding.ts";
import type { HubTarget } from "../hub.ts";
import { wrongSource, UdpProbe } from "../udp-probe.ts";

/** A new peer's ticket for sidecars; null if the hub refuses. */
export async function issueTicket({ url, game }: HubTarget): Promise<string | null> {
  const created = await fetch(new URL(`/v1/games/${game}/peers`, url), { method: "POST" });
  return created.ok ? ((await created.json()) as { udp_token: string }).udp_token : null;
}

export const seeRequest = (ticket: string): string => `see ${ticket}`.padEnd(NATIVE_REQUEST_BYTES_MIN);

export async function checkNative(hub: HubTarget, to: Endpoint): Promise<Finding[]> {
  const subject = `native at UDP ${to.port}`;
  const udp_token = await issueTicket(hub);
  if (udp_token === null) return [fault(subject, "the hub issues no identity", "see the hub's log")];
  const probe = await UdpProbe.open(to.address);
  try {
    const response = await probe.request(seeRequest(udp_token), to, ({ text }) => text.startsWith("seen "));
    if (response === null) {
      const next = "check that it is linked, because it gets the keys over the link, and that its clock is right";
      return [fault(subject, "it does not accept the hub's ticket", next)];
    }
    return [wrongSource(subject, to, response) ?? ok(subject, "a ticket was verified")];
  } finally {
    probe.close();
  }
}
