/** A laboratory with a house in it, someone to ask what he sees, and players who come and go. */
import { inject } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { LabHouse } from "./lab-stack.ts";
import { type Home, type HomeOptions, type Host, Lab, type Net } from "./lab.ts";
import type { NatKind } from "./nat.ts";
import { Socket } from "./socket.ts";

export class Town {
  readonly lab: Lab;
  readonly house: LabHouse;
  /** On a public host of its own. */
  readonly third: Socket;
  #sessions = 0;

  private constructor(lab: Lab, house: LabHouse, third: Socket) {
    this.lab = lab;
    this.house = house;
    this.third = third;
  }

  /** `hub`: the folder with its bundle; tests share one. */
  static async open(hub: string = inject("bundle")): Promise<Town> {
    const lab = await Lab.open();
    try {
      const [server, elsewhere] = [await lab.host(), await lab.host()];
      return new Town(lab, await LabHouse.open(server, hub), await Socket.open(elsewhere));
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** A session's name that nobody else uses. */
  session(): string {
    return `S${++this.#sessions}`;
  }

  /** Where a third host sees this socket. */
  async seen(socket: Socket): Promise<Endpoint> {
    const mark = `seen ${socket.local.address}:${socket.local.port}`;
    return (await socket.reaches(this.third, mark)).from;
  }

  async close(): Promise<void> {
    await this.house.close().finally(() => this.lab.close());
  }
}

/** The hosts of one test, whose programs end with it. */
export class Visit {
  readonly #lab: Lab;
  readonly #hosts: Host[] = [];

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  home(kind: NatKind, options: HomeOptions = {}): Promise<Home> {
    return this.#lab.home(kind, options);
  }

  /** On the wide area, or in this network. */
  async host(net?: Net): Promise<Host> {
    const host = await this.#lab.host(net === undefined ? {} : { net });
    this.#hosts.push(host);
    return host;
  }

  /** A host in a home of its own. */
  async homeHost(kind: NatKind, options: HomeOptions = {}): Promise<Host> {
    return this.host(await this.home(kind, options));
  }

  async end(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.end()));
  }
}

/** A player who speaks Rabid by hand, and where the sidecar said that the others are. */
export type Told = { readonly socket: Socket; readonly others: readonly Endpoint[] };

/** A Rabid session of these hosts, the first of which hosts it, at the moment when all have been told to start. */
export async function toldToStart(town: Town, hosts: readonly Host[]): Promise<Told[]> {
  const session = town.session();
  const server = town.house.at("rabid");
  const sockets = await Promise.all(hosts.map((host) => Socket.open(host)));
  const names = sockets.map((_, at) => `P${at}`);
  await sockets[0]!.ask(`h:${session}:P0:${hosts.length}`, server, "i:P0");
  const pings = sockets.map((socket, at) => socket.keepSaying(`p:${session}:P${at}`, [server], 500));
  for (const [at, socket] of sockets.entries()) {
    if (at > 0) await socket.ask(`c:${session}:P${at}`, server, `i:${names.slice(0, at + 1).join(":")}`);
  }
  const starting = sockets[0]!.keepSaying(`s:${session}:P0`, [server], 500);
  const lines = await Promise.all(sockets.map((socket) => socket.hears(/^s:/)));
  for (const stop of [...pings, starting]) stop();
  return sockets.map((socket, at) => ({ socket, others: endpointsIn(lines[at]!.text) }));
}

/** How many greetings each heard, of those that all sent to each other's told endpoints for a while. */
export async function greeted(town: Town, players: readonly Told[]): Promise<number[]> {
  const stops = players.map(({ socket, others }) => socket.keepSaying("hello", others, 20));
  await Promise.all(
    players.map(async ({ socket }) => {
      // So many answers of somebody else have come meanwhile, over ways that are as long.
      for (let round = 0; round < 10; round++) {
        const word = `${socket.local.address} ${performance.now()}`;
        const { from } = await socket.reaches(town.third, word);
        await town.third.reaches(socket, word, from);
      }
    }),
  );
  for (const stop of stops) stop();
  return players.map(({ socket }) => socket.heard.filter(({ text }) => text === "hello").length);
}

/** `s:OWNPORT:NAME:IP:PORT;NAME:IP:PORT` */
export function endpointsIn(line: string): Endpoint[] {
  const entries = line.replace(/^s:[0-9]+:/, "").split(";");
  return entries
    .map((entry) => entry.split(":"))
    .map(([, address, port]) => ({ address: address!, port: Number(port) }));
}
