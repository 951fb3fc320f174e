/** A laboratory with a hub, a sidecar and an observer, and the players of single tests. */
import { inject } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { LabStack } from "./lab-stack.ts";
import { type Home, type HomeOptions, type Host, Lab, type Net } from "./lab.ts";
import type { NatKind } from "./nat.ts";
import { LabSocket } from "./socket.ts";

export class LabPlayers {
  readonly lab: Lab;
  readonly stack: LabStack;
  /** On its own public host. */
  readonly observer: LabSocket;
  /** The host of hub and sidecar. */
  readonly server: Host;
  #sessions = 0;

  private constructor(lab: Lab, stack: LabStack, third: LabSocket, server: Host) {
    this.lab = lab;
    this.stack = stack;
    this.observer = third;
    this.server = server;
  }

  /** `hub`: the folder with the hub's bundle, which all tests share. `addresses`: of the sidecar, on one host. */
  static async open(hub: string = inject("bundle"), addresses = 1): Promise<LabPlayers> {
    const lab = await Lab.open();
    try {
      const [server, elsewhere] = [await lab.host(), await lab.host()];
      const others = [];
      while (others.length + 1 < addresses) others.push(await lab.addAddress(server));
      const stack = await LabStack.open(server, hub, { addresses: [server.address, ...others] });
      return new LabPlayers(lab, stack, await LabSocket.open(elsewhere), server);
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** An unused session name. */
  nextSession(): string {
    return `S${++this.#sessions}`;
  }

  /** The endpoint of this socket as the observer sees it. */
  async observedEndpoint(socket: LabSocket): Promise<Endpoint> {
    const mark = `seen ${socket.local.address}:${socket.local.port}`;
    return (await socket.sendUntilReceived(this.observer, mark)).from;
  }

  async close(): Promise<void> {
    await this.stack.close().finally(() => this.lab.close());
  }
}

/** The hosts of one test, whose programs end with the test. */
export class TestHosts {
  readonly #lab: Lab;
  readonly #hosts: Host[] = [];

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  home(kind: NatKind, options: HomeOptions = {}): Promise<Home> {
    return this.#lab.home(kind, options);
  }

  /** A host in this network, or on the wide area. */
  async host(net?: Net): Promise<Host> {
    const host = await this.#lab.host(net === undefined ? {} : { net });
    this.#hosts.push(host);
    return host;
  }

  /** A host in a new home. */
  async homeHost(kind: NatKind, options: HomeOptions = {}): Promise<Host> {
    return this.host(await this.home(kind, options));
  }

  async end(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.end()));
  }
}

/** A socket that speaks Rabid, and the endpoints of the other players from the sidecar. */
export type StartedPlayer = { readonly socket: LabSocket; readonly others: readonly Endpoint[] };

/** A Rabid session of these hosts, once all have received the start; the first one hosts it. */
export async function startSession(labPlayers: LabPlayers, hosts: readonly Host[]): Promise<StartedPlayer[]> {
  const session = labPlayers.nextSession();
  const server = labPlayers.stack.endpointOf("rabid");
  const sockets = await Promise.all(hosts.map((host) => LabSocket.open(host)));
  const names = sockets.map((_, at) => `P${at}`);
  await sockets[0]!.request(`h:${session}:P0:${hosts.length}`, server, "i:P0");
  const pings = sockets.map((socket, at) => socket.sendRepeatedly(`p:${session}:P${at}`, [server], 500));
  for (const [at, socket] of sockets.entries()) {
    if (at > 0) await socket.request(`c:${session}:P${at}`, server, `i:${names.slice(0, at + 1).join(":")}`);
  }
  const starting = sockets[0]!.sendRepeatedly(`s:${session}:P0`, [server], 500);
  const lines = await Promise.all(sockets.map((socket) => socket.waitFor(/^s:/)));
  for (const stop of [...pings, starting]) stop();
  return sockets.map((socket, at) => ({ socket, others: parseStartLine(lines[at]!.text) }));
}

/** All players send greetings to each other's endpoints for a while: the number that each received. */
export async function countGreetings(labPlayers: LabPlayers, players: readonly StartedPlayer[]): Promise<number[]> {
  const stops = players.map(({ socket, others }) => socket.sendRepeatedly("hello", others, 20));
  await Promise.all(
    players.map(async ({ socket }) => {
      // Ten round trips to the observer, over links with the same delay, measure the while.
      for (let round = 0; round < 10; round++) {
        const word = `${socket.local.address} ${performance.now()}`;
        const { from } = await socket.sendUntilReceived(labPlayers.observer, word);
        await labPlayers.observer.sendUntilReceived(socket, word, from);
      }
    }),
  );
  for (const stop of stops) stop();
  return players.map(({ socket }) => socket.received.filter(({ text }) => text === "hello").length);
}

/** `s:OWNPORT:NAME:IP:PORT;NAME:IP:PORT` */
export function parseStartLine(line: string): Endpoint[] {
  const entries = line.replace(/^s:[0-9]+:/, "").split(";");
  return entries
    .map((entry) => entry.split(":"))
    .map(([, address, port]) => ({ address: address!, port: Number(port) }));
}
