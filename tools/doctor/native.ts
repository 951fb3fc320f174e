/** Checks the native wire: the sidecar must verify a ticket of the hub by itself. */
import { NATIVE_REQUEST_BYTES_MIN } from "#shared/limits.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, ok } from "./finding.ts";
import type { HubTarget } from "./hub.ts";
import { wrongSource, UdpProbe } from "./udp-probe.ts";

export async function checkNative({ url, game }: HubTarget, to: Endpoint): Promise<Finding[]> {
  const subject = `native at UDP ${to.port}`;
  const created = await fetch(new URL(`/v1/games/${game}/peers`, url), { method: "POST" });
  if (!created.ok) return [fault(subject, `the hub issues no identity (${created.status})`, "see the hub's log")];
  const { udp_token } = (await created.json()) as { udp_token: string };
  const probe = await UdpProbe.open(to.address);
  try {
    const request = `see ${udp_token}`.padEnd(NATIVE_REQUEST_BYTES_MIN);
    const response = await probe.request(request, to, ({ text }) => text.startsWith("seen "));
    if (response === null) {
      const next = "check that it is linked, because it gets the keys over the link, and that its clock is right";
      return [fault(subject, "it does not accept the hub's ticket", next)];
    }
    return [wrongSource(subject, to, response) ?? ok(subject, "a ticket was verified")];
  } finally {
    probe.close();
  }
}
