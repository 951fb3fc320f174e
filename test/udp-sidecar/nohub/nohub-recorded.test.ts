/**
 * Conversations with nohub 0.16.5, as recorded on loopback: the bytes of each client, and the bytes that it got. The ids
 * of lobbies and sessions are random; everything else must match byte for byte.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { endpointOf, Rig } from "../../support/exchange.ts";
import { NohubCaller } from "../../support/nohub.ts";

type Exchange = { readonly client: string; readonly sent: string; readonly received: string };

const recorded = readFileSync(`${import.meta.dirname}/nohub-recorded.txt`, "utf8")
  .trim()
  .split("\n");
const exchanges: Exchange[] = [];
for (let at = 0; at < recorded.length; at += 2) {
  const [sent, received] = [recorded[at]!, recorded[at + 1]!].map((line) => JSON.parse(line.slice(3)) as string);
  exchanges.push({ client: recorded[at]![0]!, sent: sent!, received: received! });
}

test("clients that repeat the recording get the recorded answers", () => {
  const rig = new Rig();
  const clients = new Map(["A", "B", "C"].map((name) => [name, new NohubCaller(rig, name)]));
  /** Our lobby ids by the recorded ones. */
  const ids = new Map<string, string>();
  const translated = (text: string): string =>
    [...ids].reduce((said, [theirs, ours]) => said.replaceAll(theirs, ours), text);
  expect(exchanges.length).toBeGreaterThan(70);
  for (const { client, sent, received } of exchanges) {
    const answer = clients.get(client)!.send(translated(sent));
    const [, theirs] = /^\.q[0-9]+ ([\w-]{8})[ \n]/.exec(received) ?? [];
    const [, ours] = /^\.q[0-9]+ ([\w-]{8})[ \n]/.exec(answer) ?? [];
    if (sent.startsWith("lobby/create") && theirs !== undefined && ours !== undefined) ids.set(theirs, ours);
    const { address } = endpointOf(client);
    const wanted = translated(received).replaceAll("::ffff:127.0.0.1", address);
    expect([sent, withoutSessions(answer)]).toStrictEqual([sent, withoutSessions(wanted)]);
  }
  expect(ids.size).toBe(5);
});

/** Session ids have twelve letters. */
const withoutSessions = (text: string): string => text.replaceAll(/session#[\w-]{12}!/g, "session#!");
