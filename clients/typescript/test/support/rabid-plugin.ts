/**
 * A test double of the original Godot plugin, with its timing as recorded against the original server: it reads one
 * datagram per frame, closes its socket at the first start line, listens again 2.0 s later on the port that the server
 * saw, greets for 5.1 s, listens for 5.25 s, and confirms for 2 to 5 s. It shares no code with the client.
 */
import type { Datagram } from "../../src/rabid/events.ts";
import type { Endpoint } from "../../src/util/addresses.ts";
import type { Node } from "./rabid.ts";

const FRAME_MS = 1_000 / 60;
const REQUEST_MS = 500;
const CLOSED_MS = 2_000;
const SAY_MS = 50;
const PER_PORT = 5;
const WINDOW = 8;
const LISTENING_MS = 5_250;
const HOST_CONFIRMS_MS = 2_000;
const HOST_STARTS_MS = 1_500;

type Other = { readonly address: string; readonly isHost: boolean; readonly told: number; confirming: number[] };

export type PluginOptions = {
  readonly address: string;
  readonly port: number;
  readonly name: string;
  readonly session: string;
  readonly server: Endpoint;
  /** A host starts once so many players are listed. Absent for a guest. */
  readonly starts?: number;
};

export class PluginDouble implements Node {
  readonly address: string;
  state: "request" | "session" | "closed" | "greeting" | "listening" | "confirming" | "done" = "request";
  /** `success`, or the error's name; `host`: the endpoint that the game would use. */
  result: { readonly at: number; readonly what: string; readonly host?: Endpoint } | null = null;
  readonly #options: PluginOptions;
  readonly #others = new Map<string, Other>();
  readonly #startConfirmed = new Set<string>();
  /** In order of first arrival. The plugin takes the last one, although its author meant the most frequent. */
  readonly #reached = new Set<number>();
  #queue: { bytes: Uint8Array; source: Endpoint }[] = [];
  #out: { from: number; datagram: Datagram }[] = [];
  #port: number;
  #ownPort = 0;
  #command: string;
  #rounds = 0;
  #saysStart = false;
  #frameAt: number;
  #sayAt: number;
  #stateAt = Infinity;
  #hostWaitAt = Infinity;
  #startAt = Infinity;

  constructor(options: PluginOptions, now: number) {
    this.#options = options;
    this.address = options.address;
    this.#port = options.port;
    const { session, name, starts } = options;
    this.#command = starts === undefined ? `c:${session}:${name}` : `h:${session}:${name}:12`;
    this.#sayAt = now;
    this.#frameAt = now + FRAME_MS;
  }

  get port(): number {
    return this.#port;
  }
  get #isHost(): boolean {
    return this.#options.starts !== undefined;
  }

  listens(port: number): boolean {
    return port === this.#port && this.state !== "closed" && this.state !== "done";
  }

  receive(bytes: Uint8Array, source: Endpoint): void {
    this.#queue.push({ bytes, source });
  }

  deadline(): number | null {
    if (this.state === "done") return null;
    return Math.min(this.#frameAt, this.#sayAt, this.#stateAt, this.#hostWaitAt, this.#startAt);
  }

  take(): { from: number; datagram: Datagram }[] {
    return this.#out.splice(0);
  }

  wake(now: number): void {
    if (now >= this.#frameAt) {
      this.#frameAt = now + FRAME_MS;
      const one = this.#queue.shift();
      if (one !== undefined) this.#read(Buffer.from(one.bytes).toString("utf8"), now);
    }
    if (now >= this.#sayAt) this.#speak(now);
    if (now >= this.#stateAt) this.#turn(now);
    if (now >= this.#hostWaitAt) this.#hostWaited(now);
    if (now >= this.#startAt) this.#finish("success", now);
  }

  /** By prefix, depending on the state. Everything else is ignored. */
  #read(line: string, now: number): void {
    const [, first = "", second = "", third = ""] = line.split(":");
    if (this.state === "request" || this.state === "session") {
      if (line.startsWith("error")) this.#finish(line.slice("error:".length), now);
      else if (line.startsWith("i")) this.#readRoster(line.slice(2).split(":"));
      else if (line.startsWith("s") && this.state === "session") this.#readStart(line, now);
    } else if (this.state === "greeting" || this.state === "listening") {
      if (line.startsWith("g")) this.#reached.add(Number(third));
    } else if (this.state === "confirming") {
      if (line.startsWith("c")) {
        const other = this.#others.get(first);
        if (other !== undefined) other.confirming = [Number(second)];
        if (other?.isHost === true) this.#hostWaitAt = Infinity;
      } else if (line.startsWith("s") && !this.#isHost) {
        if (this.#startAt === Infinity) this.#startAt = now + Number(first) * 1_000;
      } else if (line.startsWith("y") && this.#isHost) {
        this.#startConfirmed.add(first);
        if (this.#startConfirmed.size === this.#others.size) this.#finish("success", now);
      }
    }
  }

  #readRoster(players: readonly string[]): void {
    const { session, name, starts } = this.#options;
    this.state = "session";
    this.#command = players.length >= (starts ?? Infinity) ? `s:${session}:${name}` : `p:${session}:${name}`;
  }

  #readStart(line: string, now: number): void {
    const [, own, list] = /^s:([0-9]+):(.*)$/.exec(line) ?? [];
    this.#ownPort = Number(own);
    for (const entry of (list ?? "").split(";")) {
      const [name = "", address = "", port = ""] = entry.split(":");
      const isHost = !this.#isHost && this.#others.size === 0;
      this.#others.set(name, { address, isHost, told: Number(port), confirming: ports(Number(port)) });
    }
    this.state = "closed";
    this.#queue = [];
    this.#sayAt = Infinity;
    this.#stateAt = now + CLOSED_MS;
  }

  #speak(now: number): void {
    this.#sayAt = now + SAY_MS;
    if (this.state === "request" || this.state === "session") {
      this.#sayAt = now + REQUEST_MS;
      this.#send(this.#command, this.#options.server);
    } else if (this.state === "greeting") {
      const turn = this.#rounds++;
      // Every sixth turn only advances to the next port.
      if (turn % (PER_PORT + 1) === PER_PORT) {
        if (turn < (2 * WINDOW + 1) * (PER_PORT + 1) - 1) return;
        this.state = "listening";
        this.#sayAt = Infinity;
        this.#stateAt = now + LISTENING_MS;
        return;
      }
      for (const { address, told } of this.#others.values()) {
        const port = ports(told)[Math.floor(turn / (PER_PORT + 1))]!;
        this.#send(`g:${this.#options.name}:${this.#ownPort}:${port}`, { address, port });
      }
    } else if (this.state === "confirming") {
      for (const { address, isHost, confirming } of this.#others.values()) {
        const starting = isHost && this.#startAt < Infinity;
        const words = `${starting ? "y" : "c"}:${this.#options.name}:${this.#port}`;
        const port = confirming.shift()!;
        confirming.push(port);
        this.#send(this.#saysStart ? "s:3" : words, { address, port });
      }
    }
  }

  #turn(now: number): void {
    this.#stateAt = Infinity;
    if (this.state === "closed") {
      this.state = "greeting";
      this.#port = this.#ownPort;
      this.#sayAt = now + SAY_MS;
      return;
    }
    const reached = [...this.#reached].at(-1);
    if (reached === undefined) return this.#finish("unreachable_self", now);
    this.state = "confirming";
    if (reached !== this.#port) this.#queue = [];
    this.#port = reached;
    this.#sayAt = now + SAY_MS;
    this.#hostWaitAt = now + HOST_CONFIRMS_MS;
  }

  #hostWaited(now: number): void {
    this.#hostWaitAt = Infinity;
    if (!this.#isHost) return this.#finish("host_not_confirmed", now);
    this.#saysStart = true;
    this.#startAt = now + HOST_STARTS_MS;
  }

  #finish(what: string, at: number): void {
    this.state = "done";
    const host = [...this.#others.values()].find(({ isHost }) => isHost);
    const found = what === "success" && host !== undefined;
    this.result = { at, what, ...(found ? { host: { address: host.address, port: host.confirming[0]! } } : {}) };
  }

  #send(line: string, to: Endpoint): void {
    this.#out.push({ from: this.#port, datagram: { to, bytes: Buffer.from(line, "utf8") } });
  }
}

const ports = (told: number): number[] => [
  told,
  ...Array.from({ length: 2 * WINDOW + 1 }, (_, at) => told - WINDOW + at).filter((port) => port !== told),
];
