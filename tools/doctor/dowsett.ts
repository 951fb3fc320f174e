/** Dowsett's wire: the list of servers, which the sidecar asks the hub for. */
import { encode, HS_SERVER_NAME } from "../../clients/typescript/src/dowsett/packet.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, ok } from "./finding.ts";
import { silent, strayed, Voice } from "./udp-probe.ts";

const PASSWORD = "doctor";

export async function examineDowsett(to: Endpoint): Promise<Finding[]> {
  const what = `dowsett at UDP ${to.port}`;
  const voice = await Voice.open(to.address);
  try {
    const envelope = {
      sender: "doctor",
      destination: HS_SERVER_NAME,
      to: [to.address, to.port] as const,
      password: PASSWORD,
    };
    const { bytes } = encode("requesting-server-list", { password: PASSWORD }, envelope);
    const answered = await voice.ask(bytes, to, ({ text }) => text.includes("providing-server-list"));
    if (answered === null) return [silent(what, to.port)];
    return [strayed(what, to, answered) ?? ok(what, "its list came")];
  } finally {
    voice.close();
  }
}
