/** A client of the event stream: it opens the WebSocket through the Worker and records everything that it receives. */
import { exports } from "cloudflare:workers";
import { expect } from "vitest";
import { SUBPROTOCOL } from "#shared/api/events.ts";
import { ORIGIN, type Worker } from "./sidecar.ts";

export type Frame = {
  readonly type: string;
  readonly topic?: string;
  readonly seq?: number;
  readonly re?: number;
  readonly data: Record<string, unknown>;
};

type Options = { lobby?: string; worker?: Worker; source?: string };
type Waiting = { match: (frame: Frame) => boolean; resolve: (frame: Frame) => void; reject: (why: Error) => void };

const open = new Set<EventsClient>();
/** All texts that any subscriber of the file received. */
export const told: string[] = [];

/** Closes the sockets of the test. */
export function lookAway(): void {
  for (const subscriber of open) subscriber.close();
  open.clear();
}

export const eventsRequest = (game: string, lobby?: string, headers: Record<string, string> = {}): Request =>
  new Request(`${ORIGIN}/v1/games/${game}/events${lobby === undefined ? "" : `?lobby_id=${lobby}`}`, {
    headers: { upgrade: "websocket", "sec-websocket-protocol": SUBPROTOCOL, ...headers },
  });

export class EventsClient {
  /** Its number among the open ones. */
  readonly number = open.size;
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Received and not yet read. */
  readonly unread: Frame[] = [];
  readonly #socket: WebSocket;
  #waiting: Waiting[] = [];
  #pongs: (() => void)[] = [];
  #over: Error | null = null;
  #seq = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#take(data as string));
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => {
        this.#over = new Error(`the hub closed: ${code} ${reason}`);
        for (const { reject } of this.#waiting.splice(0)) reject(this.#over);
        resolve({ code, reason });
      });
    });
    open.add(this);
  }

  /** An open socket without messages. */
  static async open(game: string, { lobby, worker, source }: Options = {}): Promise<EventsClient> {
    const headers: Record<string, string> = source === undefined ? {} : { "cf-connecting-ip": source };
    const ask: Worker = worker ?? ((request) => exports.default.fetch(request));
    const response = await ask(eventsRequest(game, lobby, headers));
    if (response.webSocket === null) throw new Error(`no socket: ${response.status} ${await response.text()}`);
    expect(response.headers.get("sec-websocket-protocol")).toBe(SUBPROTOCOL);
    response.webSocket.accept();
    return new EventsClient(response.webSocket);
  }

  /** A socket after hello. */
  static async greet(game: string, token?: string, options: Options = {}): Promise<EventsClient> {
    const subscriber = await EventsClient.open(game, options);
    expect((await subscriber.ask("hello", token === undefined ? {} : { token })).type).toBe("welcome");
    return subscriber;
  }

  /** A list subscriber, and its snapshot. */
  static async list(
    game: string,
    filter: Record<string, string> = {},
    options: Options = {},
  ): Promise<[EventsClient, Frame]> {
    const subscriber = await EventsClient.greet(game, undefined, options);
    return [subscriber, await subscriber.ask("subscribe", { topic: "lobbies", filter })];
  }

  /** Sends a command with a number, and returns the response. */
  ask(type: string, data: unknown): Promise<Frame> {
    const seq = ++this.#seq;
    this.say({ type, seq, data });
    return this.next(({ re }) => re === seq);
  }

  /** Strings and bytes are sent as they are, everything else as JSON. */
  say(value: unknown): void {
    this.#socket.send(typeof value === "string" || value instanceof ArrayBuffer ? value : JSON.stringify(value));
  }

  /** The first unread frame that matches; waits for it. */
  next(match: ((frame: Frame) => boolean) | string = () => true): Promise<Frame> {
    const matches = typeof match === "string" ? ({ type }: Frame) => type === match : match;
    const at = this.unread.findIndex(matches);
    if (at >= 0) return Promise.resolve(this.unread.splice(at, 1)[0]!);
    if (this.#over !== null) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => this.#waiting.push({ match: matches, resolve, reject }));
  }

  /** All unread frames from before the response to this. */
  async rest(): Promise<Frame[]> {
    await this.ask("unsubscribe", { topic: "lobby", lobby_id: `0-${"0".repeat(26)}` });
    return this.unread.splice(0);
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
    told.push(text);
    const frame = JSON.parse(text) as Frame;
    const at = this.#waiting.findIndex(({ match }) => match(frame));
    if (at < 0) this.unread.push(frame);
    else this.#waiting.splice(at, 1)[0]!.resolve(frame);
  }
}
