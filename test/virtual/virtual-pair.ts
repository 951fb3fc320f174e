/** Two peers with a channel between them, a relay, and a hub that introduces them on request. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import { classify } from "#shared/connect/nat.ts";
import { advise } from "#shared/connect/nat-advice.ts";
import { type Side } from "#shared/connect/punch-plan.ts";
import { Channel, type ChannelEvent } from "../../clients/typescript/src/path/channel.ts";
import type { PathChangeReason, PathKind } from "../../clients/typescript/src/path/paths.ts";
import { seeded } from "../support/dice.ts";
import { type Behaviour, Router } from "./nat.ts";
import { Host, type Link, World } from "./net.ts";
import { VirtualSidecars } from "./virtual-sidecars.ts";
import { type Observed, VirtualPlayer } from "./player.ts";

const KEY = new Uint8Array(32).fill(9);
export const RELAY = "45.0.0.9";
const HUB_MS = 60;
const TUNNEL_MS = 70;

export type Received = { readonly at: number; readonly number: number };

export class VirtualPeer {
  readonly channel: Channel;
  readonly paths: { at: number; path: PathKind | null; why: PathChangeReason; silence_ms: number }[] = [];
  readonly received: Received[] = [];
  readonly events: ChannelEvent[] = [];
  player: VirtualPlayer;
  tunnel: ((bytes: Uint8Array) => void) | null = null;
  readonly #world: World;
  readonly #wishes: () => void;
  #sent = 0;

  constructor(world: World, player: VirtualPlayer, role: "a" | "b", wishes: () => void) {
    this.#world = world;
    this.#wishes = wishes;
    this.channel = new Channel({ key: KEY, epoch: 0, role }, world.dice, world.now);
    this.player = player;
    this.#listen();
    this.#tick();
  }

  /** Moves to another network, with new sockets and another address. */
  moveTo(player: VirtualPlayer): void {
    this.player = player;
    this.#listen();
    this.channel.networkChanged(this.#world.now);
    this.pump();
  }

  /** Sends a numbered game datagram every 50 ms. */
  play(until: number): void {
    this.sendNumbered();
    if (this.#world.now < until) this.#world.at(this.#world.now + 50, () => this.play(until));
  }

  sendNumbered(): boolean {
    const sent = this.channel.send(Buffer.from(String(this.#sent++)), this.#world.now);
    this.#pumpDatagram();
    return sent;
  }

  receive(bytes: Uint8Array, from: { socket: number; to: Endpoint } | "tunnel"): boolean {
    const isHis = this.channel.receive(bytes, from, this.#world.now);
    this.#pumpDatagram();
    return isHis;
  }

  pump(): void {
    this.channel.wake(this.#world.now);
    this.#carryOut();
  }

  /** After a datagram, the channel is woken only if it is due, as the client does. */
  #pumpDatagram(): void {
    if (this.channel.deadline() <= this.#world.now) this.pump();
    else this.#carryOut();
  }

  #carryOut(): void {
    const { now } = this.#world;
    for (const { place, bytes, hops } of this.channel.takeDatagrams(now)) {
      if (place === "tunnel") this.tunnel?.(bytes);
      else this.player.send(place.socket, place.to, bytes, hops);
    }
    if (this.channel.deadline() <= now) throw new Error("a channel that was just woken wants to be woken again");
    for (const event of this.channel.takeEvents()) {
      this.events.push(event);
      if (event.type === "data") this.received.push({ at: now, number: Number(Buffer.from(event.payload).toString()) });
      if (event.type === "path") {
        const { path, why, silence_ms } = event;
        this.paths.push({ at: now, path, why, silence_ms });
      }
      if (event.type === "upgrade") this.#wishes();
      if (event.type === "closable") this.player.close(...event.sockets);
    }
  }

  /** The longest silence between these two times. */
  gap(from: number, to: number): number {
    const times = [from, ...this.received.map(({ at }) => at).filter((at) => at >= from && at <= to), to];
    return Math.max(...times.slice(1).map((at, index) => at - times[index]!));
  }

  #listen(): void {
    this.player.onDatagram = (bytes, socket, to) => void this.receive(bytes, { socket, to });
  }

  /** Acts like a timer set to the deadline, with a resolution of 1 ms. */
  #tick(): void {
    if (this.channel.deadline() <= this.#world.now) this.pump();
    this.#world.at(Math.max(this.#world.now + 1, Math.min(this.channel.deadline(), this.#world.now + 20)), () =>
      this.#tick(),
    );
  }
}

export class VirtualPair {
  readonly world: World;
  readonly a: VirtualPeer;
  readonly b: VirtualPeer;
  readonly routers: Router[] = [];
  /** The relay endpoint of each peer. */
  readonly relays: { socket: number; to: Endpoint }[] = [];
  introductions = 0;
  readonly #link: Link;
  readonly #sidecars: VirtualSidecars;
  #relay: Host;
  #introducing = false;
  #places = 0;

  constructor(kinds: readonly [Behaviour, Behaviour], seed = 1, link: Partial<Link> = {}) {
    this.world = new World(seeded(seed));
    this.#link = { delay_ms: 20, jitter_ms: 2, loss: 0, ...link };
    this.#sidecars = new VirtualSidecars(this.world, { delay_ms: 1, jitter_ms: 0, loss: 0 });
    this.#relay = new Host(this.world, this.world.wide, RELAY, { delay_ms: 5, jitter_ms: 1, loss: 0 });
    const peer = (at: 0 | 1): VirtualPeer =>
      new VirtualPeer(this.world, this.home(kinds[at]), at === 0 ? "a" : "b", () => this.introduce());
    this.a = peer(0);
    this.b = peer(1);
  }

  /** A peer in a new home. */
  home(kind: Behaviour): VirtualPlayer {
    const place = ++this.#places;
    const router = new Router(this.world, this.world.wide, `20.0.${place}.1`, kind, this.#link);
    this.routers.push(router);
    return new VirtualPlayer(this.world, new Host(this.world, router.inside, `192.168.${place}.10`), this.#sidecars);
  }

  /** One port per side; the last datagram of a side determines its endpoint. */
  relay(): void {
    const sides: (Endpoint | null)[] = [null, null];
    const ports = [0, 1].map((side) =>
      this.#relay.bind(({ from, bytes }) => {
        sides[side] = from;
        const to = sides[1 - side];
        if (to !== null && to !== undefined) this.#relay.send(ports[1 - side]!, to, bytes);
      }),
    );
    for (const [side, peer] of [this.a, this.b].entries()) {
      const place = { socket: 0, to: { address: RELAY, port: ports[side]! } };
      this.relays.push(place);
      peer.channel.relay(place, this.world.now);
      peer.pump();
    }
  }

  endRelay(): void {
    this.world.wide.detach(RELAY);
  }

  startRelay(): void {
    this.#relay = new Host(this.world, this.world.wide, RELAY, { delay_ms: 5, jitter_ms: 1, loss: 0 });
  }

  tunnel(): void {
    const [a, b] = [this.a, this.b];
    const to = (peer: VirtualPeer) => (bytes: Uint8Array) =>
      this.world.at(this.world.now + TUNNEL_MS, () => peer.receive(bytes, "tunnel"));
    [a.tunnel, b.tunnel] = [to(b), to(a)];
    for (const peer of [a, b]) {
      peer.channel.tunnel(true, this.world.now);
      peer.pump();
    }
  }

  introduce(): void {
    if (this.#introducing) return;
    this.#introducing = true;
    this.introductions++;
    const observed: (Observed | null)[] = [null, null];
    for (const [at, { player }] of [this.a, this.b].entries())
      player.observe((told) => ((observed[at] = told), this.onObserved(observed)));
  }

  onObserved(observed: readonly (Observed | null)[]): void {
    const [one, other] = observed;
    if (one === null || one === undefined || other === null || other === undefined) return;
    const [a, b] = [one, other].map(({ samples, candidates }): Side => {
      const nat = classify(samples, []);
      return { candidates, nat, rtt_ms: 40, sampled_ms_ago: HUB_MS, relay_only: false, birthday: true };
    }) as [Side, Side];
    const { plans, start_in_ms } = advise(a, b);
    this.world.at(this.world.now + HUB_MS, () => {
      this.#introducing = false;
      for (const [at, peer] of [this.a, this.b].entries()) {
        if (plans === null) peer.channel.punchUnavailable(this.world.now);
        else peer.channel.punch(plans[at as 0 | 1], 0, start_in_ms[at as 0 | 1], this.world.now);
        peer.pump();
      }
    });
  }
}
