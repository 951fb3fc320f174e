/** Our own wire: an identity from the hub, which the sidecar proves by itself. */
import { NATIVE_REQUEST_BYTES_MIN } from "#shared/limits.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, ok } from "./finding.ts";
import type { Hub } from "./hub.ts";
import { strayed, Voice } from "./udp-probe.ts";

export async function examineNative({ url, game }: Hub, to: Endpoint): Promise<Finding[]> {
  const what = `native at UDP ${to.port}`;
  const response = await fetch(new URL(`/v1/games/${game}/peers`, url), { method: "POST" });
  if (!response.ok) return [fault(what, `the hub gives no identity (${response.status})`, "see the hub's log")];
  const { udp_token } = (await response.json()) as { udp_token: string };
  const voice = await Voice.open(to.address);
  try {
    const request = `see ${udp_token}`.padEnd(NATIVE_REQUEST_BYTES_MIN);
    const answered = await voice.ask(request, to, ({ text }) => text.startsWith("seen "));
    if (answered === null) {
      const says = "it does not believe the hub's ticket";
      return [fault(what, says, "see that it is linked (it has the keys from there) and that its clock is right")];
    }
    return [strayed(what, to, answered) ?? ok(what, "a ticket was proved")];
  } finally {
    voice.close();
  }
}
