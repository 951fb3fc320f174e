/**
 * Stock netfox games behind NATs: a pair that cannot punch is relayed, at once if it is the host that cannot be punched.
 * Otherwise the addon waits 8 s before it requests the relay, so all pairs run at the same time.
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Host } from "../lab/lab.ts";
import type { NatKind, NatOptions } from "../lab/nat.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { LabPlayers } from "../lab/lab-players.ts";
import { labTest } from "../lab/lab-test.ts";
import type { LinkConditions } from "../lab/lossy-link.ts";

/** Without a delay every datagram would arrive before its answer could cross it on the way. */
const AWAY: LinkConditions = { delay_ms: 20 };
/** Registration, 8 s of a failing handshake, the relay's handshake, and a busy machine. */
const PATIENCE = { within_ms: 60_000 };

let labPlayers: LabPlayers;

const test = labTest(() => labPlayers.lab);

/** How the client connected, and the handshakes that it tried. */
async function meet(hostAt: Host, clientAt: Host, ...how: string[]): Promise<unknown> {
  const server = labPlayers.stack.endpointOf("noray").address;
  const host = await hostAt.run("noray-peer.ts", [server]);
  const { oid, failed } = await host.waitForLine((line) => "oid" in line || "failed" in line, PATIENCE);
  if (failed !== undefined) return { failed };
  const client = await clientAt.run("noray-peer.ts", [server, String(oid), ...how]);
  return client.waitForLine((line) => "got" in line || "failed" in line, PATIENCE);
}

describe.skipIf(isLabMissing())("stock netfox games through NATs", () => {
  beforeAll(async () => {
    labPlayers = await LabPlayers.open();
  });
  afterAll(() => labPlayers?.close());

  test.concurrent.for<[NatKind, NatKind, string, NatOptions & LinkConditions]>([
    ["port-restricted", "port-restricted", "nat", { ...AWAY, movesPorts: true }],
    ["port-restricted", "symmetric", "relay", {}],
    // The host is measured, so the first handshake is with the relay.
    ["symmetric", "port-restricted", "nat", {}],
    ["symmetric", "symmetric", "nat", {}],
    // The host's datagrams arrive here from a port that does not lead to it.
    ["symmetric", "full-cone", "nat", {}],
  ])("host behind %s, client behind %s: connects, by %s", async ([host, client, way, options], { visit }) => {
    const homes = [host, client].map((kind) => visit.homeHost(kind, options));
    const [hostAt, clientAt] = await Promise.all(homes);
    const tried = way === "nat" ? ["nat OK"] : ["nat ERR_TIMEOUT", "relay OK"];
    expect(await meet(hostAt!, clientAt!)).toStrictEqual({ got: way, handshakes: tried });
    // The sidecar has learned: the next game of the same two homes connects with its first handshake.
    expect(await meet(hostAt!, clientAt!)).toStrictEqual({ got: "nat", handshakes: ["nat OK"] });
  });

  test.concurrent.for<NatKind>(["port-restricted", "symmetric"])(
    "the relay connects two clients behind %s NATs",
    async (kind, { visit }) => {
      const [hostAt, clientAt] = await Promise.all([visit.homeHost(kind), visit.homeHost(kind)]);
      expect(await meet(hostAt, clientAt, "relay")).toStrictEqual({ got: "relay", handshakes: ["relay OK"] });
    },
  );

  test.concurrent.for<[NatKind, boolean, string]>([
    ["port-restricted", true, "nat"],
    ["port-restricted", false, "relay"],
    ["symmetric", false, "relay"],
  ])("both behind one %s NAT, hairpin %j: connect, by %s", async ([kind, hairpin, way], { visit }) => {
    const home = await visit.home(kind, { hairpin });
    const { got } = (await meet(await visit.host(home), await visit.host(home))) as { got: string };
    expect(got).toBe(way);
  });
});
