/** Checks Dowsett's wire: the list of servers, which the sidecar requests from the hub. */
import { encode, HS_SERVER_NAME } from "../../../clients/typescript/src/dowsett/wire/packet.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, ok } from "../finding.ts";
import { noResponse, wrongSource, UdpProbe } from "../udp-probe.ts";

const PASSWORD = "doctor";

export async function checkDowsett(to: Endpoint): Promise<Finding[]> {
  const subject = `dowsett at UDP ${to.port}`;
  const probe = await UdpProbe.open(to.address);
  try {
    const envelope = {
      sender: "doctor",
      destination: HS_SERVER_NAME,
      to: [to.address, to.port] as const,
      password: PASSWORD,
    };
    const { bytes } = encode("requesting-server-list", { password: PASSWORD }, envelope);
    const response = await probe.request(bytes, to, ({ text }) => text.includes("providing-server-list"));
    if (response === null) return [noResponse(subject, to.port)];
    return [wrongSource(subject, to, response) ?? ok(subject, "the list arrived")];
  } finally {
    probe.close();
  }
}
