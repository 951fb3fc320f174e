/** Rabid's wire: a word that the sidecar answers by itself, and then two players who meet, which takes the hub, too. */
import { randomBytes } from "node:crypto";
import type { Endpoint } from "#shared/endpoint.ts";
import { type Finding, fault, ok } from "./finding.ts";
import { type Heard, silent, strayed, Voice } from "./voice.ts";

/** How the sidecar sees two sockets of ours. */
export type Seen = { readonly mine: readonly number[]; readonly seen: readonly Endpoint[] };

export async function examineRabid(
  to: Endpoint,
): Promise<{ readonly findings: Finding[]; readonly seen: Seen | null }> {
  const what = `rabid at UDP ${to.port}`;
  const [ann, bob] = [await Voice.open(to.address), await Voice.open(to.address)];
  try {
    const answered = await ann.ask("h:?", to, ({ text }) => text.startsWith("error:"));
    if (answered === null) return { findings: [silent(what, to.port)], seen: null };
    const stray = strayed(what, to, answered);
    if (stray !== null) return { findings: [stray], seen: null };
    const seen = await meet(ann, bob, to);
    const findings =
      seen === null
        ? [fault(what, "it answers, and nobody can host there", "see `hub` in the sidecar's /healthz, and its log")]
        : [ok(what, "two players have met")];
    return { findings, seen };
  } finally {
    ann.close();
    bob.close();
  }
}

const roster = ({ text }: Heard): boolean => text.startsWith("i:");
const started = ({ text }: Heard): boolean => text.startsWith("s:");

/** Hosts, joins, starts and confirms. */
async function meet(ann: Voice, bob: Voice, to: Endpoint): Promise<Seen | null> {
  const session = `d${randomBytes(4).toString("hex")}`;
  if ((await ann.ask(`h:${session}:Ann:2`, to, roster)) === null) return null;
  if ((await bob.ask(`c:${session}:Bob`, to, roster)) === null) return null;
  const [toAnn, toBob] = await Promise.all([
    ann.ask(`s:${session}:Ann`, to, started),
    bob.ask(`p:${session}:Bob`, to, started),
  ]);
  for (const [voice, name] of [
    [ann, "Ann"],
    [bob, "Bob"],
  ] as const) {
    voice.say(`y:${session}:${name}`, to);
  }
  const seen = [toBob, toAnn].map((heard) => /:(?:Ann|Bob):([0-9.]+):([0-9]+)/.exec(heard?.text ?? ""));
  if (seen.includes(null)) return null;
  return {
    mine: [ann.port, bob.port],
    seen: seen.map((match) => ({ address: match![1]!, port: Number(match![2]) })),
  };
}
