/** Rabid's wire: two players host, join, start and confirm, which takes the hub, too. */
import { randomBytes } from "node:crypto";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, ok } from "./finding.ts";
import { type Heard, Voice } from "./udp-probe.ts";

export async function examineRabid(to: Endpoint): Promise<Finding[]> {
  const what = `rabid at UDP ${to.port}`;
  const [ann, bob] = [await Voice.open(to.address), await Voice.open(to.address)];
  try {
    if (await meet(ann, bob, to)) return [ok(what, "two players have met")];
    return [
      fault(what, "the port answers, and nobody can meet there", "see `hub` in the sidecar's /healthz, and its log"),
    ];
  } finally {
    ann.close();
    bob.close();
  }
}

const roster = ({ text }: Heard): boolean => text.startsWith("i:");
const started = ({ text }: Heard): boolean => text.startsWith("s:");

async function meet(ann: Voice, bob: Voice, to: Endpoint): Promise<boolean> {
  const session = `d${randomBytes(4).toString("hex")}`;
  if ((await ann.ask(`h:${session}:Ann:2`, to, roster)) === null) return false;
  if ((await bob.ask(`c:${session}:Bob`, to, roster)) === null) return false;
  const both = await Promise.all([ann.ask(`s:${session}:Ann`, to, started), bob.ask(`p:${session}:Bob`, to, started)]);
  ann.say(`y:${session}:Ann`, to);
  bob.say(`y:${session}:Bob`, to);
  return !both.includes(null);
}
