/** Two sidecars with two ports each, which only report observed endpoints. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import { Host, type Link, type World } from "./net.ts";

type Answered = (seen: Endpoint, at_ms: number, other: boolean) => void;
type Said = { readonly ask?: number; readonly echoes?: boolean; readonly seen?: Endpoint; readonly other?: boolean };

const OPEN = "{".charCodeAt(0);

export class VirtualSidecars {
  readonly ports: readonly Endpoint[];
  readonly #world: World;
  readonly #waiting = new Map<number, (seen: Endpoint, other: boolean) => void>();
  #asked = 0;

  constructor(world: World, link: Link) {
    this.#world = world;
    const hosts = ["45.0.0.1", "45.0.0.2"].map((address) => new Host(world, world.wide, address, link));
    this.ports = hosts.flatMap(({ address }) => [3_478, 3_479].map((port) => ({ address, port })));
    for (const host of hosts) for (const port of [3_478, 3_479]) this.#listen(host, port);
  }

  /** A probe that may be sent again; the reported time is that of the answered one. */
  ask(
    host: Host,
    port: number,
    via: Endpoint,
    echoes: boolean,
    answered: Answered,
  ): { port: number; send: () => void } {
    const send = (): void => {
      const [ask, sentAt] = [this.#asked++, this.#world.now];
      this.#waiting.set(ask, (seen, other) => answered(seen, sentAt, other));
      host.send(port, via, Buffer.from(JSON.stringify({ ask, echoes } satisfies Said)));
    };
    return { port, send };
  }

  /** Whether these bytes were an answer of a sidecar. */
  receive(bytes: Uint8Array): boolean {
    if (bytes[0] !== OPEN) return false;
    const { ask, seen, other } = JSON.parse(Buffer.from(bytes).toString()) as Said;
    if (ask !== undefined && seen !== undefined) this.#waiting.get(ask)?.(seen, other === true);
    return true;
  }

  #listen(host: Host, port: number): void {
    host.bind(({ from, bytes }) => {
      if (bytes[0] !== OPEN) return;
      const { ask, echoes } = JSON.parse(Buffer.from(bytes).toString()) as Said;
      const say = (other: boolean): Buffer => Buffer.from(JSON.stringify({ ask, seen: from, other }));
      host.send(port, from, say(false));
      if (echoes === true) host.send(3_478 + 3_479 - port, from, say(true));
    }, port);
  }
}
