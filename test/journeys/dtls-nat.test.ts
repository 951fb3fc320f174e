/**
 * DTLS through NATs: whom others are told of is whom a third host sees, and what was a session's socket punches. In the
 * same laboratory as the journeys in clear.
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Host } from "../lab/lab.ts";
import type { NatKind, NatOptions } from "../lab/nat.ts";
import { SealedSocket } from "../lab/sealed-socket.ts";
import { Socket } from "../lab/socket.ts";
import { labIsMissing } from "../lab/space.ts";
import { endpointsIn, greeted, Town } from "../lab/lab-players.ts";
import { visiting } from "../lab/lab-test.ts";

/** Without a delay every datagram would be there before its answer could cross it. */
const AWAY = { delay_ms: 20 };

let town: Town;

const test = visiting(() => town.lab);

describe.skipIf(labIsMissing())("under DTLS, through NATs", () => {
  beforeAll(async () => {
    town = await Town.open();
  });
  afterAll(() => town?.close());

  test.concurrent.for<[NatKind, NatOptions]>([
    ["full-cone", {}],
    ["port-restricted", {}],
    ["port-restricted", { movesPorts: true }],
    ["symmetric", {}],
  ])("the endpoint that others are told is the one a third host sees: %s %j", async ([kind, options], { visit }) => {
    const home = await visit.home(kind, options);
    const players = await sealedToStart([await visit.host(), await visit.host(home)]);
    const [told] = players[0]!.others;
    const seen = await town.seen(players[1]!.socket);
    expect([told!.address, seen.address]).toStrictEqual([home.address, home.address]);
    // A symmetric NAT has a port for the sidecar alone.
    expect(told!.port === seen.port).toBe(kind !== "symmetric");
  });

  test.concurrent.for([false, true])(
    "two at home behind port-restricted NATs end their sessions and hear each other through the same sockets: %j",
    async (movesPorts, { visit }) => {
      const homes = [
        visit.homeHost("port-restricted", { ...AWAY, movesPorts }),
        visit.homeHost("port-restricted", { ...AWAY, movesPorts }),
      ];
      const players = await sealedToStart(await Promise.all(homes));
      for (const { socket } of players) socket.bye();
      expect(Math.min(...(await greeted(town, players)))).toBeGreaterThan(0);
    },
  );

  test.concurrent("a claim makes others be told of the game's own socket, and that one punches", async ({ visit }) => {
    const hosts = [await visit.homeHost("port-restricted", AWAY), await visit.homeHost("port-restricted", AWAY)];
    const server = town.house.at("rabid");
    const games = await Promise.all(hosts.map((host) => Socket.open(host)));
    const players = await sealedToStart(hosts, async (control, at) => {
      const claim = await control.askSealed("parley-endpoint?", /^parley-endpoint/);
      const stop = games[at]!.keepSaying(claim, [server], 200);
      await control.hearsSealed(/^parley-endpoint .*:/).finally(stop);
    });
    const seen = await Promise.all(games.map((game) => town.seen(game)));
    expect(players.map(({ others }) => others)).toStrictEqual([[seen[1]], [seen[0]]]);
    const heard = await greeted(
      town,
      players.map(({ others }, at) => ({ socket: games[at]!, others })),
    );
    expect(Math.min(...heard)).toBeGreaterThan(0);
  });
});

type Player = { readonly socket: SealedSocket; readonly others: readonly Endpoint[] };

/** A Rabid session of these hosts, all of it under DTLS, at the moment when all have been told to start. */
async function sealedToStart(
  hosts: readonly Host[],
  before: (socket: SealedSocket, at: number) => Promise<void> = () => Promise.resolve(),
): Promise<Player[]> {
  const session = town.session();
  const server = town.house.at("rabid");
  const sockets = await Promise.all(hosts.map((host) => SealedSocket.connect(host, server)));
  await Promise.all(sockets.map(before));
  const names = sockets.map((_, at) => `P${at}`);
  await sockets[0]!.askSealed(`h:${session}:P0:${hosts.length}`, /^i:P0/);
  const pings = sockets.map((socket, at) => socket.keepSayingSealed(`p:${session}:P${at}`));
  for (const [at, socket] of sockets.entries()) {
    const roster = new RegExp(`^i:${names.slice(0, at + 1).join(":")}`);
    if (at > 0) await socket.askSealed(`c:${session}:P${at}`, roster);
  }
  pings.push(sockets[0]!.keepSayingSealed(`s:${session}:P0`));
  const lines = await Promise.all(sockets.map((socket) => socket.hearsSealed(/^s:/)));
  for (const stop of pings) stop();
  return sockets.map((socket, at) => ({ socket, others: endpointsIn(lines[at]!) }));
}
