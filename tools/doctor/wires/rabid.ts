/** Checks Rabid's wire: two players host, join, start and confirm, which involves the hub, too. */
import { randomBytes } from "node:crypto";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, ok } from "../finding.ts";
import { type Datagram, UdpProbe } from "../udp-probe.ts";

export async function checkRabid(to: Endpoint): Promise<Finding[]> {
  const subject = `rabid at UDP ${to.port}`;
  const [ann, bob] = [await UdpProbe.open(to.address), await UdpProbe.open(to.address)];
  try {
    if (await playRound(ann, bob, to)) return [ok(subject, "two players have met")];
    const text = "the port responds, but two players cannot meet";
    return [fault(subject, text, "see `hub` in the sidecar's /healthz, and its log")];
  } finally {
    ann.close();
    bob.close();
  }
}

const isRoster = ({ text }: Datagram): boolean => text.startsWith("i:");
const isStart = ({ text }: Datagram): boolean => text.startsWith("s:");

async function playRound(ann: UdpProbe, bob: UdpProbe, to: Endpoint): Promise<boolean> {
  const session = `d${randomBytes(4).toString("hex")}`;
  if ((await ann.request(`h:${session}:Ann:2`, to, isRoster)) === null) return false;
  if ((await bob.request(`c:${session}:Bob`, to, isRoster)) === null) return false;
  const starts = await Promise.all([
    ann.request(`s:${session}:Ann`, to, isStart),
    bob.request(`p:${session}:Bob`, to, isStart),
  ]);
  ann.send(`y:${session}:Ann`, to);
  bob.send(`y:${session}:Bob`, to);
  return !starts.includes(null);
}
