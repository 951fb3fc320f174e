/**
 * A deployment with ten lobbies of each wire, whose members go on sending as their clients do, and a relay in use. One
 * Dowsett host, `Silent`, registers once and sends nothing more.
 */
import { once } from "node:events";
import { ParleyClient } from "../../clients/typescript/src/node/client.ts";
import { freePort } from "../../tools/run/ports.ts";
import type { RabidPlayer } from "../../tools/run/rabid-player.ts";
import { refreshing, registering, sign } from "./dowsett.ts";
import { NetfoxPlayer } from "./netfox.ts";
import { NohubSocket } from "./nohub-socket.ts";
import { eventually, TestStack } from "./test-stack.ts";

type Ports = Readonly<Record<"dowsett" | "registrar" | "noray" | "nohub", number>>;

const LOBBIES = Array.from({ length: 10 }, (_, at) => at);
const PASSWORD = "qUks5KzRDY";
/** The lease that a Dowsett host requests, and how often it refreshes. */
const DOWSETT_S = 10;
const REFRESH_MS = 2_000;
const RELAYED_MS = 500;

export class EveryWire {
  /** The members of the Rabid lobbies. */
  readonly rabid: RabidPlayer[] = [];
  readonly stack: TestStack;
  readonly #ports: Ports;
  readonly #hosts: NetfoxPlayer[] = [];
  /** How many datagrams each side of the relay received from the other; both send twice a second. */
  readonly #relayed: [number, number] = [0, 0];
  readonly #closing: (() => unknown)[] = [];

  private constructor(stack: TestStack, ports: Ports) {
    this.stack = stack;
    this.#ports = ports;
  }

  /** `relayPorts` must not be used by another deployment. */
  static async open(relayPorts: string): Promise<EveryWire> {
    const [dowsett, native, registrar] = [await freePort("udp"), await freePort("udp"), await freePort("udp")];
    const [noray, nohub] = [await freePort("tcp"), await freePort("tcp")];
    const stack = await TestStack.open({
      hub: { RATE_LIMITS: "off" },
      settings: {
        PARLEY_PORTS: `PORT=rabid,${dowsett}=dowsett,${native}=native,${registrar}=noray`,
        PARLEY_NORAY: String(noray),
        PARLEY_NOHUB: String(nohub),
        PARLEY_NOHUB_GRACE: "1",
        PARLEY_RELAY_PORTS: relayPorts,
        PARLEY_ADDRESSES: "127.0.0.1",
      },
    });
    const wires = new EveryWire(stack, { dowsett, registrar, noray, nohub });
    try {
      await wires.#fill();
      return wires;
    } catch (error) {
      await wires.close();
      throw error;
    }
  }

  /** The lobbies of all wires that list, as `name id members`, sorted. */
  async lobbies(): Promise<string[]> {
    const lobbies = await this.stack.lobbies("include=full,in_game&limit=100");
    return lobbies.map(({ name, id, member_count }) => `${name} ${id} ${member_count}`).toSorted();
  }

  /** Asks each noray host for a connection by its id; resolves when all have been introduced. */
  async meetNorayHosts(): Promise<void> {
    const guest = await this.#netfox();
    for (const host of this.#hosts) {
      const introduced = once(host.noray, "nat", { signal: AbortSignal.timeout(60_000) });
      guest.noray.connectNat(host.oid);
      await introduced;
    }
  }

  /** Resolves when each side of the relay has received another datagram of the other. */
  async exchangeByRelay(): Promise<void> {
    const before = [...this.#relayed];
    await eventually(
      () => Promise.resolve(this.#relayed),
      (now) => now.every((count, at) => count > before[at]!),
    );
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close();
    await this.stack.close();
  }

  async #fill(): Promise<void> {
    await Promise.all([
      ...LOBBIES.map((at) => this.#rabid(`Rabid${at}`)),
      ...LOBBIES.map((at) => this.#dowsett(`Dowsett${at}`, true)),
      this.#dowsett("Silent", false),
      ...LOBBIES.map((at) => this.#native(`Native${at}`)),
      ...LOBBIES.map(async () => this.#hosts.push(await this.#netfox())),
      ...LOBBIES.map((at) => this.#nohub(`Nohub${at}`)),
      this.#relay(),
    ]);
  }

  async #rabid(session: string): Promise<void> {
    for (const [peer, enter] of [
      ["Host", `h:${session}:Host:8`],
      ["Guest", `c:${session}:Guest`],
    ] as const) {
      const player = await this.stack.player();
      await player.request(enter, /^i:/);
      player.startPinging(session, peer);
      this.rabid.push(player);
    }
  }

  async #dowsett(name: string, refreshes: boolean): Promise<void> {
    const player = await this.stack.player("one", { server: this.#ports.dowsett });
    const lease = { "seconds-before-expiry": DOWSETT_S };
    const local = { "local-address": ["127.0.0.1", player.port] };
    await player.request(
      sign(registering(name, { ...lease, ...local }), PASSWORD).toString(),
      /confirming-registration/,
    );
    if (!refreshes) return;
    const timer = setInterval(() => player.send(sign(refreshing(name, lease), PASSWORD)), REFRESH_MS);
    this.#closing.push(() => clearInterval(timer));
  }

  /** Two members over HTTP and a WebSocket each. */
  async #native(name: string): Promise<void> {
    const [host, guest] = [await this.#client(), await this.#client()];
    const { lobby } = await host.host({ name, seats: 4 });
    await guest.join({ id: lobby.id });
  }

  async #client(): Promise<ParleyClient> {
    const client = await ParleyClient.open({ url: this.stack.url });
    this.#closing.push(() => client.close());
    return client;
  }

  async #netfox(): Promise<NetfoxPlayer> {
    const player = await NetfoxPlayer.open("127.0.0.1", this.#ports.noray, this.#ports.registrar);
    this.#closing.push(() => player.close());
    return player;
  }

  async #nohub(name: string): Promise<void> {
    const host = await NohubSocket.open(this.#ports.nohub);
    this.#closing.push(() => host.close());
    await host.request("lobby/create", `enet://192.0.2.1:7000 name=${name}`);
  }

  async #relay(): Promise<void> {
    const [host, guest] = [await this.#netfox(), await this.#netfox()];
    await host.host();
    await guest.join(host.oid, { first: "relay" });
    for (const [at, { socket, noray }] of [host, guest].entries()) {
      const port = Number(noray.commands.at(-1)![1]);
      socket.on("message", (bytes) => void (this.#relayed[at]! += bytes.toString() === "state" ? 1 : 0));
      const timer = setInterval(() => socket.send("state", port, "127.0.0.1"), RELAYED_MS);
      this.#closing.unshift(() => clearInterval(timer));
    }
  }
}
