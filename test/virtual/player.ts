/** A peer in the virtual network: it observes its endpoints, reports them, and executes the punch plan. */
import { type Endpoint, isIPv4, sameEndpoint } from "#shared/net/endpoint.ts";
import type { Filtering, Sample } from "#shared/connect/nat.ts";
import type { Candidate } from "#shared/connect/punch-plan.ts";
import type { Plan } from "../../clients/typescript/src/punch/plan.ts";
import { Punch } from "../../clients/typescript/src/punch/punch.ts";
import { type PairKey, Seal } from "../../clients/typescript/src/secure/seal.ts";
import type { VirtualSidecars } from "./virtual-sidecars.ts";
import type { Host, Packet, World } from "./net.ts";

/** New sockets, in immediate succession. */
const FRESH = 3;
const AGAIN_MS = [100, 200, 300];
const PATIENCE_MS = 500;
/** The socket that requests an answer from another port. */
const TESTER = -1;

export type Observed = {
  readonly samples: readonly Sample[];
  readonly filtering: Filtering | null;
  readonly remaps: boolean | null;
  readonly candidates: readonly Candidate[];
};

export class VirtualPlayer {
  readonly host: Host;
  punch: Punch | null = null;
  /** The handler of datagrams when no punch is active. */
  onDatagram: (bytes: Uint8Array, socket: number, source: Endpoint) => void = () => {};
  openedAt: number | null = null;
  seal: Seal | null = null;
  /** The number of datagrams sent per destination. */
  readonly sentTo = new Map<string, number>();
  /** The same host in IPv6, if it has IPv6. */
  readonly #six: Host | null;
  readonly #world: World;
  readonly #sidecars: VirtualSidecars;
  #ports = new Map<number, number>();
  #samples: Sample[] = [];
  #wakeAt = Infinity;

  constructor(world: World, host: Host, sidecars: VirtualSidecars, six: Host | null = null) {
    this.#six = six;
    this.#world = world;
    this.host = host;
    this.#sidecars = sidecars;
  }

  /** Probes every port of every sidecar from the game's socket, and one port from new sockets; then reports. */
  observe(tell: (observed: Observed) => void): void {
    const asked: { socket: number; via: Endpoint; echoes: boolean }[] = [];
    asked.push({ socket: TESTER, via: this.#sidecars.ports[0]!, echoes: true });
    for (const via of this.#sidecars.ports) asked.push({ socket: 0, via, echoes: false });
    for (let one = 0; one < FRESH; one++)
      asked.push({ socket: 1_000 + one, via: this.#sidecars.ports[0]!, echoes: false });
    let filtering: Filtering | null = null;
    let remaps: boolean | null = null;
    let missing = asked.length + 1;
    let told = false;
    const finish = (): void => {
      if (told) return;
      told = true;
      this.close(TESTER, 1_000, 1_001, 1_002);
      this.#samples = this.#samples.slice(-32);
      tell({ samples: this.#samples, filtering, remaps, candidates: this.#candidates() });
    };
    // The other port of the sidecar has sent its answer unasked.
    const testRemapping = (before: Endpoint): void => {
      const via = this.#sidecars.ports[1]!;
      const { send } = this.#sidecars.ask(this.host, this.#port(TESTER), via, false, (seen) => {
        if (told || remaps !== null) return;
        remaps = !sameEndpoint(before, seen);
        if (--missing === 0) finish();
      });
      if (!told) send();
    };
    const asks = asked.map(({ socket, via, echoes }, order) => {
      let answered = false;
      const from = this.#sidecars.ask(this.host, this.#port(socket), via, echoes, (seen, at_ms, other) => {
        if (socket === TESTER && (filtering === null || other)) filtering = other ? "address" : "port";
        if (answered || other) return;
        answered = true;
        if (socket === TESTER) this.#world.at(this.#world.now + 20, () => testRemapping(seen));
        // In immediate succession, distinguished by microseconds.
        this.#samples.push({ socket, local_port: from.port, via, seen, at_ms: at_ms + order / 1_000 });
        missing--;
        // The second answer follows the first immediately, or never arrives.
        if (missing === 0) this.#world.at(this.#world.now + 20, finish);
      });
      const again = (): void => void (answered || told || from.send());
      for (const ms of AGAIN_MS) this.#world.at(this.#world.now + ms, again);
      return from.send;
    });
    for (const send of asks) send();
    this.#world.at(this.#world.now + PATIENCE_MS, finish);
  }

  /** New sockets without the state of the old ones, for another attempt. */
  reset(): void {
    this.punch = null;
    this.close(...this.#ports.keys());
    this.#samples = [];
  }

  startPunch(plan: Plan, start_in_ms: number, key: PairKey): void {
    this.seal ??= new Seal(key);
    const { seal } = this;
    this.punch = new Punch({ plan, seal, random: this.#world.dice, start_in_ms }, this.#world.now);
    this.#pump();
  }

  send(socket: number, to: Endpoint, bytes: Uint8Array, hops?: number): void {
    this.sentTo.set(to.address, (this.sentTo.get(to.address) ?? 0) + 1);
    (isIPv4(to.address) ? this.host : this.#six)?.send(this.#port(socket), to, bytes, hops);
  }

  get open(): readonly number[] {
    return [...this.#ports.keys()];
  }

  close(...sockets: readonly number[]): void {
    for (const socket of sockets) {
      const port = this.#ports.get(socket);
      if (port !== undefined) for (const host of [this.host, this.#six]) host?.close(port);
      this.#ports.delete(socket);
    }
  }

  #pump(): void {
    const { punch } = this;
    if (punch === null) return;
    const { now } = this.#world;
    punch.wake(now);
    for (const { socket, to, bytes, hops } of punch.takeDatagrams()) {
      this.send(socket, to, bytes, hops);
    }
    if (punch.outcome?.kind === "opened") this.openedAt ??= now;
    const next = punch.deadline();
    if (next <= now) throw new Error("a punch that was just woken wants to be woken again");
    if (next === Infinity || (this.#wakeAt > now && this.#wakeAt <= next)) return;
    this.#wakeAt = next;
    this.#world.at(next, () => {
      if (this.#wakeAt <= this.#world.now) this.#wakeAt = Infinity;
      if (this.punch === punch) this.#pump();
    });
  }

  #port(socket: number): number {
    const known = this.#ports.get(socket);
    if (known !== undefined) return known;
    const ear = (packet: Packet): void => this.handlePacket(socket, packet);
    const port = this.host.bind(ear);
    this.#six?.bind(ear, port);
    this.#ports.set(socket, port);
    return port;
  }

  handlePacket(socket: number, { bytes, from }: Packet): void {
    if (this.#sidecars.receive(bytes)) return;
    if (this.punch === null) this.onDatagram(bytes, socket, from);
    else if (this.punch.receive(bytes, socket, from, this.#world.now)) this.#pump();
  }

  #candidates(): Candidate[] {
    const seen = this.#samples
      .filter(({ socket }) => socket === 0)
      .map(({ seen, at_ms }): Candidate => ({ kind: "reflexive", endpoint: seen, via: "s", observed_at: at_ms }));
    const endpoint = { address: this.host.address, port: this.#port(0) };
    // IPv6 is not translated, so a sidecar would observe this endpoint.
    const six = this.#six === null ? [] : [{ address: this.#six.address, port: endpoint.port }];
    const seenSix = six.map((endpoint): Candidate => ({ kind: "reflexive", endpoint, via: "s", observed_at: null }));
    return [...seen, ...seenSix, { kind: "host", endpoint, via: null, observed_at: null }];
  }
}
