/**
 * DTLS through NATs: peers receive the endpoint that a third host sees, and a socket that had a session can punch. Uses
 * the same laboratory as the tests in clear text.
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Host } from "../lab/lab.ts";
import type { NatKind, NatOptions } from "../lab/nat.ts";
import { DtlsSocket } from "../lab/dtls-socket.ts";
import { LabSocket } from "../lab/socket.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { parseStartLine, countGreetings, LabPlayers } from "../lab/lab-players.ts";
import { labTest } from "../lab/lab-test.ts";

/** Without a delay every datagram would arrive before its answer could cross it on the way. */
const AWAY = { delay_ms: 20 };

let labPlayers: LabPlayers;

const test = labTest(() => labPlayers.lab);

describe.skipIf(isLabMissing())("under DTLS, through NATs", () => {
  beforeAll(async () => {
    labPlayers = await LabPlayers.open();
  });
  afterAll(() => labPlayers?.close());

  test.concurrent.for<[NatKind, NatOptions]>([
    ["full-cone", {}],
    ["port-restricted", {}],
    ["port-restricted", { movesPorts: true }],
    ["symmetric", {}],
  ])("the endpoint that peers receive is the one a third host sees: %s %j", async ([kind, options], { visit }) => {
    const home = await visit.home(kind, options);
    const players = await sealedToStart([await visit.host(), await visit.host(home)]);
    const [told] = players[0]!.others;
    const seen = await labPlayers.observedEndpoint(players[1]!.socket);
    expect([told!.address, seen.address]).toStrictEqual([home.address, home.address]);
    // A symmetric NAT uses another port for each destination.
    expect(told!.port === seen.port).toBe(kind !== "symmetric");
  });

  test.concurrent.for([false, true])(
    "two peers behind port-restricted NATs close their sessions and receive each other through the same sockets: %j",
    async (movesPorts, { visit }) => {
      const homes = [
        visit.homeHost("port-restricted", { ...AWAY, movesPorts }),
        visit.homeHost("port-restricted", { ...AWAY, movesPorts }),
      ];
      const players = await sealedToStart(await Promise.all(homes));
      for (const { socket } of players) socket.closeSession();
      expect(Math.min(...(await countGreetings(labPlayers, players)))).toBeGreaterThan(0);
    },
  );

  test.concurrent("an endpoint claim makes the sidecar advertise the game's own socket, which then punches", async ({
    visit,
  }) => {
    const hosts = [await visit.homeHost("port-restricted", AWAY), await visit.homeHost("port-restricted", AWAY)];
    const server = labPlayers.stack.endpointOf("rabid");
    const games = await Promise.all(hosts.map((host) => LabSocket.open(host)));
    const players = await sealedToStart(hosts, async (control, at) => {
      const claim = await control.requestSealed("parley-endpoint?", /^parley-endpoint/);
      const stop = games[at]!.sendRepeatedly(claim, [server], 200);
      await control.waitForSealed(/^parley-endpoint .*:/).finally(stop);
    });
    const seen = await Promise.all(games.map((game) => labPlayers.observedEndpoint(game)));
    expect(players.map(({ others }) => others)).toStrictEqual([[seen[1]], [seen[0]]]);
    const heard = await countGreetings(
      labPlayers,
      players.map(({ others }, at) => ({ socket: games[at]!, others })),
    );
    expect(Math.min(...heard)).toBeGreaterThan(0);
  });
});

type Player = { readonly socket: DtlsSocket; readonly others: readonly Endpoint[] };

/** A Rabid session of these hosts over DTLS, once all have received the start. */
async function sealedToStart(
  hosts: readonly Host[],
  before: (socket: DtlsSocket, at: number) => Promise<void> = () => Promise.resolve(),
): Promise<Player[]> {
  const session = labPlayers.nextSession();
  const server = labPlayers.stack.endpointOf("rabid");
  const sockets = await Promise.all(hosts.map((host) => DtlsSocket.connect(host, server)));
  await Promise.all(sockets.map(before));
  const names = sockets.map((_, at) => `P${at}`);
  await sockets[0]!.requestSealed(`h:${session}:P0:${hosts.length}`, /^i:P0/);
  const pings = sockets.map((socket, at) => socket.sendSealedRepeatedly(`p:${session}:P${at}`));
  for (const [at, socket] of sockets.entries()) {
    const roster = new RegExp(`^i:${names.slice(0, at + 1).join(":")}`);
    if (at > 0) await socket.requestSealed(`c:${session}:P${at}`, roster);
  }
  pings.push(sockets[0]!.sendSealedRepeatedly(`s:${session}:P0`));
  const lines = await Promise.all(sockets.map((socket) => socket.waitForSealed(/^s:/)));
  for (const stop of pings) stop();
  return sockets.map((socket, at) => ({ socket, others: parseStartLine(lines[at]!) }));
}
