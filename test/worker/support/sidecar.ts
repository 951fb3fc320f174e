/**
 * A scripted sidecar: it opens its link through the Worker as a real one does, sends what the test says, and checks
 * every frame of the hub against the schema of real sidecars.
 */
import { exports } from "cloudflare:workers";
import { decode } from "#shared/schema/decode.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { LINK_FRAME_LENGTH_MAX } from "#shared/limits.ts";
import {
  type FromHub,
  type Hello,
  linkPath,
  type LinkNotice,
  type MemberNotice,
  type Report,
} from "#shared/link/messages.ts";
import { fromHub } from "#shared/link/decoders.ts";
import type { Notice } from "#shared/lobby/notices.ts";
import { POLICY } from "../../shared/support/lobbies.ts";

export { POLICY };

export const ORIGIN = "http://hub.test";

/** The Worker as deployed; a test that needs other settings passes its own. */
export type Worker = (request: Request) => Promise<Response>;
export const worker: Worker = (request) => exports.default.fetch(request);

type Options = {
  name?: string;
  epoch?: string;
  shard?: number;
  key?: string;
  halfOpen?: boolean;
  worker?: Worker;
  kept?: boolean;
};
type Message<T extends FromHub["t"]> = Extract<FromHub, { t: T }>;
type Waiting = {
  match: (message: FromHub) => boolean;
  resolve: (message: FromHub) => void;
  reject: (why: Error) => void;
};

const open = new Set<Sidecar>();
let games = 0;

/** A game that no other test of the file uses: its hub is new and empty. */
export const newGame = (): string => `game-${++games}`;

/** Closes the links of the test. */
export function hangUp(): void {
  for (const sidecar of open) sidecar.close();
  open.clear();
}

export class Sidecar {
  readonly name: string;
  readonly epoch: string;
  readonly closed: Promise<{ code: number; reason: string }>;
  /** All messages of the hub on this link. */
  readonly log: FromHub[] = [];
  readonly #socket: WebSocket;
  #seq = 1;
  #unread: FromHub[] = [];
  #waiting: Waiting[] = [];
  #pongs: (() => void)[] = [];
  /** Why no more messages will come on this link. */
  #over: Error | null = null;

  private constructor(socket: WebSocket, name: string, epoch: string, kept: boolean) {
    this.#socket = socket;
    this.name = name;
    this.epoch = epoch;
    socket.addEventListener("message", ({ data }) => this.#take(data as string));
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => {
        this.#fail(new Error(`the hub closed: ${code} ${reason}`));
        resolve({ code, reason });
      });
    });
    if (!kept) open.add(this);
  }

  /**
   * An open link without messages. `halfOpen`: it does not answer the hub's close, like a dead network. `kept`: it stays
   * open when the test ends.
   */
  static async open(game: string, options: Options = {}): Promise<Sidecar> {
    const { name = "north", epoch = "epoch-one", shard = 0, halfOpen = false, kept = false } = options;
    const response = await (options.worker ?? worker)(linkRequest(game, shard, options.key));
    if (response.webSocket === null) throw new Error(`no link: ${response.status} ${await response.text()}`);
    response.webSocket.accept({ allowHalfOpen: halfOpen });
    return new Sidecar(response.webSocket, name, epoch, kept);
  }

  /** An open link after hello, ready to report. */
  static async link(game: string, options: Options = {}): Promise<Sidecar> {
    const sidecar = await Sidecar.open(game, options);
    await sidecar.hello();
    return sidecar;
  }

  /** Sends hello, and returns what the hub stored of this epoch and all members of this sidecar. */
  async hello(parts: Partial<Hello> = {}): Promise<{ ack: number; shards: number; members: readonly MemberNotice[] }> {
    this.say(helloOf(this, parts));
    const { ack, shards } = await this.next("welcome");
    const members: MemberNotice[] = [];
    for (let last = false; !last;) {
      const message = await this.next("members");
      members.push(...message.items);
      last = message.last;
    }
    this.#seq = ack + 1;
    return { ack, shards, members };
  }

  /** Reports in the next batch, and returns the message with its ack. */
  async report(...items: Report[]): Promise<readonly LinkNotice[]> {
    const seq = this.#seq;
    this.#seq += items.length;
    return (await this.batch(seq, items)).items;
  }

  /** Sends a batch under any number, and returns the response. */
  async batch(seq: number, items: readonly Report[]): Promise<Message<"told">> {
    this.say({ t: "reports", seq, items });
    return this.next("told", (told) => told.ack !== null);
  }

  /** Strings and bytes are sent as they are, everything else as JSON. */
  say(value: unknown): void {
    this.#socket.send(typeof value === "string" || value instanceof ArrayBuffer ? value : JSON.stringify(value));
  }

  /** The first unread message of this kind that matches; waits for it. */
  async next<T extends FromHub["t"]>(
    t: T,
    matches: (message: Message<T>) => boolean = () => true,
  ): Promise<Message<T>> {
    const match = (message: FromHub): boolean => message.t === t && matches(message as Message<T>);
    const at = this.#unread.findIndex(match);
    if (at >= 0) return this.#unread.splice(at, 1)[0] as Message<T>;
    if (this.#over !== null) throw this.#over;
    const found = new Promise<FromHub>((resolve, reject) => this.#waiting.push({ match, resolve, reject }));
    return (await found) as Message<T>;
  }

  /** All unread messages from before the response to this, but the lists of other sidecars' addresses. Empty if there were none. */
  async rest(): Promise<FromHub[]> {
    this.say({ t: "reports", seq: 1, items: [] });
    await this.next("told", ({ ack, items }) => ack !== null && items.length === 0);
    return this.#unread.splice(0).filter(({ t }) => t !== "sidecars");
  }

  ping(): Promise<void> {
    const pong = new Promise<void>((resolve) => this.#pongs.push(resolve));
    this.say("ping");
    return pong;
  }

  close(code = 1000): void {
    try {
      this.#socket.close(code);
    } catch {
      // The hub closed first.
    }
  }

  #take(text: string): void {
    if (text === "pong") return this.#pongs.shift()?.();
    const decoded = decode(text, fromHub, LINK_FRAME_LENGTH_MAX);
    if (!decoded.ok) {
      return this.#fail(new Error(`a sidecar would close: a frame of ${text.length} characters, ${decoded.why}`));
    }
    this.log.push(decoded.value);
    const at = this.#waiting.findIndex(({ match }) => match(decoded.value));
    if (at < 0) this.#unread.push(decoded.value);
    else this.#waiting.splice(at, 1)[0]!.resolve(decoded.value);
  }

  #fail(why: Error): void {
    this.#over ??= why;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#over);
  }
}

// --- reports ---------------------------------------------------------------------------------------------------

export function linkRequest(game: string, shard: number | string, key: string | null = "key-one-of-tests"): Request {
  const authorization = key === null ? {} : { authorization: `Bearer ${key}` };
  const path = linkPath(game, shard as number);
  return new Request(ORIGIN + path, { headers: { upgrade: "websocket", ...authorization } });
}

export const helloOf = ({ name, epoch }: { name: string; epoch: string }, parts: Partial<Hello> = {}): Hello => ({
  t: "hello",
  version: 1,
  sidecar: name,
  epoch,
  region: "weur",
  addresses: ["198.51.100.9"],
  ports: [{ port: 3_478, wires: ["rabid"] }],
  ...parts,
});

/** A peer's endpoint: each has its own port for the whole test. */
export function homeOf(peer: string): Endpoint {
  let port = 0;
  for (const letter of peer) port = (port * 31 + letter.charCodeAt(0)) % 60_000;
  return { address: "203.0.113.7", port: port + 1_024 };
}

const about = (name: string, peer: string) => ({ wire: "rabid", name, via: 3_478, endpoint: homeOf(peer) }) as const;

type Hosting = Report & { kind: "host" };
type Joining = Report & { kind: "join" };

export const hosts = (name: string, peer: string, parts: Partial<Hosting> = {}): Hosting => ({
  ...about(name, peer),
  kind: "host",
  peer,
  seats: 4,
  lock: null,
  memory: null,
  policy: POLICY,
  ...parts,
});

export const joins = (name: string, peer: string, parts: Partial<Joining> = {}): Joining => ({
  ...about(name, peer),
  kind: "join",
  peer,
  lock: null,
  memory: null,
  reclaims: false,
  ...parts,
});

export const starts = (name: string, host: string): Report => ({ ...about(name, host), kind: "start" });
export const kicks = (name: string, victim: string, host: string): Report => ({
  ...about(name, host),
  kind: "kick",
  peer: victim,
});

const says =
  (kind: "leave" | "confirm" | "ask" | "lost" | "heard") =>
  (name: string, peer: string): Report => ({ ...about(name, peer), kind, peer });

export const leaves = says("leave");
export const confirms = says("confirm");
export const asks = says("ask");
export const isLost = says("lost");
export const isHeard = says("heard");

/** Who gets which notice: members by name, refusals by the report that they answer. */
export const heard = (items: readonly LinkNotice[]): [string | number, Notice | string][] =>
  items.map((item) => {
    if ("to" in item) return [item.to.peer, item.notice];
    return [item.ref, "code" in item ? item.code : { kind: "introduced", peers: item.peers }];
  });

export const hosted = (...peers: string[]): Notice => ({ kind: "hosted", peers });
export const roster = (...peers: string[]): Notice => ({ kind: "roster", peers });
export const introduced = (...peers: string[]): Notice => ({
  kind: "introduced",
  peers: peers.map((peer) => ({ peer, endpoint: homeOf(peer) })),
});
export const removed = (reason: (Notice & { kind: "removed" })["reason"]): Notice => ({ kind: "removed", reason });
