/**
 * The sidecar's end of one link (shared/link/messages.ts): opens the WebSocket, keeps it open, and moves reports up and tells
 * down. What it cannot deliver waits in the outbox; one log line says when an outage begins, and one when it ends.
 */
import { decode } from "#shared/schema/decode.ts";
import {
  BACKOFF_FIRST_MS,
  BACKOFF_LAST_MS,
  LINK_FRAME_LENGTH_MAX,
  LINK_OPEN_MS,
  LINK_PING_MS,
  LINK_RESEND_MS,
  LINK_SILENCE_MS,
} from "#shared/limits.ts";
import {
  Close,
  fromHub,
  type FromSidecar,
  type Hello,
  linkPath,
  type MemberTell,
  type Report,
  type Told,
} from "#shared/link/messages.ts";
import type { FromRelay, ToRelay } from "#shared/link/relay-messages.ts";
import type { TicketKey } from "#shared/auth/tickets.ts";
import type { Logger } from "pino";
import type { Secret } from "../config/secret.ts";
import type { SourceUsage } from "../core/source-quota.ts";
import { Outbox } from "./outbox.ts";
import type { Counters } from "../core/counters.ts";

export type LinkClientOptions = {
  readonly hub: URL;
  readonly key: Secret;
  readonly game: string;
  readonly shard: number;
  /** What we say of ourselves, as it is now. */
  readonly hello: () => Hello;
  readonly log: Logger;
  readonly tally: Counters;
  readonly handlers: {
    readonly onWelcome: (shards: number, keys: readonly TicketKey[]) => void;
    readonly onMembers: (items: readonly MemberTell[]) => void;
    /** What is said of relays, and how to answer it. */
    readonly onRelayMessage: (message: ToRelay, say: (answer: FromRelay) => void) => void;
    readonly onReplies: (items: Told["items"], reportAt: (seq: number) => Report | undefined) => void;
  };
};

export class LinkClient {
  readonly #options: LinkClientOptions;
  readonly #outbox = new Outbox();
  #socket: WebSocket | null = null;
  /** Everything of the greeting has arrived: reports may go. */
  #up = false;
  #stopped = false;
  #failures = 0;
  #loggedFailure = "";
  /** The list of members as far as it has come. */
  #members: MemberTell[] = [];
  #received_at = 0;
  #timers: Set<NodeJS.Timeout> = new Set();
  #flushing = false;
  #resend: NodeJS.Timeout | null = null;
  #emptied: (() => void) | null = null;

  constructor(options: LinkClientOptions) {
    this.#options = options;
    this.#open();
  }

  get up(): boolean {
    return this.#up;
  }

  get waiting(): number {
    return this.#outbox.size;
  }

  pendingFrom(address: string): Readonly<SourceUsage> {
    return this.#outbox.pendingFrom(address);
  }

  /** Takes a report; it leaves with everything else that this turn of the event loop brings. */
  report(report: Report): boolean {
    const taken = this.#outbox.add(report, Date.now());
    if (this.#up && !this.#flushing) {
      this.#flushing = true;
      setImmediate(() => {
        this.#flushing = false;
        this.#flush();
      });
    }
    return taken;
  }

  /** Says hello once more on an open link, because something about us has changed; a new link says it anyway. */
  sendHello(): void {
    if (this.#up) this.#send(this.#options.hello());
  }

  /** Delivers what waits, as far as `within_ms` allows, says goodbye, and closes. */
  async stop(within_ms: number): Promise<void> {
    if (this.#up && this.#outbox.size > 0) {
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
        this.#after(within_ms, resolve);
        this.#flush();
      });
    }
    this.#stopped = true;
    if (this.#up) this.#send({ t: "bye" });
    this.#socket?.close(1000, "bye");
    this.#socket = null;
    this.#up = false;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#setResendTimer(null);
  }

  // --- opening and losing ----------------------------------------------------------------------------------------

  #open(): void {
    const { hub, key, game, shard } = this.#options;
    const url = new URL(linkPath(game, shard), hub);
    url.protocol = hub.protocol === "https:" ? "wss:" : "ws:";
    // Node's WebSocket takes headers beside the protocols of the standard.
    const init = { headers: { authorization: `Bearer ${key.reveal()}` } };
    const socket = new WebSocket(url, init);
    this.#socket = socket;
    const giveUp = this.#after(LINK_OPEN_MS, () => this.#handleLoss(socket, "the hub did not greet in time"));
    socket.addEventListener("open", () => this.#send(this.#options.hello()));
    socket.addEventListener("message", ({ data }) => {
      this.#received_at = Date.now();
      if (data !== "pong") this.#handleMessage(socket, typeof data === "string" ? data : "", giveUp);
    });
    socket.addEventListener("close", ({ code, reason }) => this.#handleLoss(socket, `closed with ${code} ${reason}`.trim()));
    socket.addEventListener("error", () => this.#handleLoss(socket, "it cannot be reached"));
  }

  #handleLoss(socket: WebSocket, why: string): void {
    if (this.#socket !== socket || this.#stopped) return;
    this.#socket = null;
    socket.close();
    const wasUp = this.#up;
    this.#up = false;
    this.#setResendTimer(null);
    this.#outbox.rewind();
    this.#options.tally.add("links", wasUp ? "down" : "failed");
    if (wasUp) this.#failures = 0;
    void this.#logFailure(why);
    const most = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#failures++, 10));
    this.#after(Math.random() * most, () => this.#open());
  }

  /** Logs why there is no link, once per reason. A refused key looks like a closed socket, so it is asked for plainly. */
  async #logFailure(why: string): Promise<void> {
    const { hub, key, game, shard, log } = this.#options;
    let complaint = why;
    try {
      const headers = { authorization: `Bearer ${key.reveal()}` };
      const signal = AbortSignal.timeout(2_000);
      const { status } = await fetch(new URL(linkPath(game, shard), hub), { headers, signal });
      if (status === 401) complaint = "it refuses this sidecar's key (PARLEY_KEY)";
      else if (status !== 426) complaint = `it answers ${status}`;
    } catch {
      complaint = "it cannot be reached";
    }
    if (this.#up || this.#stopped || complaint === this.#loggedFailure) return;
    this.#loggedFailure = complaint;
    log.warn({ hub: hub.origin, game, shard, why: complaint }, "no link to the hub; trying again");
  }

  // --- messages --------------------------------------------------------------------------------------------------

  #handleMessage(socket: WebSocket, text: string, giveUp: NodeJS.Timeout): void {
    if (this.#socket !== socket) return;
    const { log, handlers: on, game, shard } = this.#options;
    const decoded = decode(text, fromHub, LINK_FRAME_LENGTH_MAX);
    if (!decoded.ok) {
      log.error({ game, shard, why: decoded.why }, "the hub sent what the link does not allow");
      socket.close(Close.malformed, decoded.why.slice(0, 100));
      return this.#handleLoss(socket, "it sent what the link does not allow");
    }
    const message = decoded.value;
    this.#options.tally.add("link_messages", "received");
    switch (message.t) {
      case "welcome":
        this.#outbox.welcome(message.ack);
        this.#members = [];
        return on.onWelcome(message.shards, message.ticket_keys ?? []);
      case "members":
        this.#members.push(...message.items);
        if (!message.last) return;
        on.onMembers(this.#members.splice(0));
        return this.#linkUp(socket, giveUp);
      case "told":
        on.onReplies(message.items, (seq) => this.#outbox.at(seq));
        if (message.ack !== null && this.#outbox.acknowledge(message.ack)) this.#setResendTimer(null);
        return this.#flush();
      case "allocate":
      case "release":
        return on.onRelayMessage(message, (answer) => {
          if (this.#up) this.#send(answer);
        });
    }
  }

  #linkUp(socket: WebSocket, giveUp: NodeJS.Timeout): void {
    const { log, tally, game, shard, hub } = this.#options;
    clearTimeout(giveUp);
    this.#timers.delete(giveUp);
    // The answer to a hello on a link that is up already.
    if (this.#up) return this.#flush();
    this.#up = true;
    this.#failures = 0;
    this.#loggedFailure = "";
    tally.add("links", "up");
    log.info({ hub: hub.origin, game, shard }, "linked to the hub");
    this.#ping(socket);
    this.#flush();
  }

  #ping(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    if (Date.now() - this.#received_at > LINK_SILENCE_MS) return this.#handleLoss(socket, "it has been silent for too long");
    socket.send("ping");
    this.#after(LINK_PING_MS, () => this.#ping(socket));
  }

  #flush(): void {
    if (!this.#up) return;
    const now = Date.now();
    for (let batch = this.#outbox.nextBatch(now); batch !== null; batch = this.#outbox.nextBatch(now)) this.#send(batch);
    if (this.#outbox.size === 0) this.#emptied?.();
    // A hub that failed to store a batch stays silent about it.
    if (this.#outbox.inFlight && this.#resend === null) {
      this.#setResendTimer(() => {
        this.#outbox.rewind();
        this.#flush();
      });
    }
  }

  /** One timer waits for the next ack; with null none does. */
  #setResendTimer(otherwise: (() => void) | null): void {
    if (this.#resend !== null) clearTimeout(this.#resend);
    this.#resend = null;
    if (otherwise === null) return;
    this.#resend = setTimeout(() => {
      this.#resend = null;
      otherwise();
    }, LINK_RESEND_MS);
  }

  #send(message: FromSidecar): void {
    this.#options.tally.add("link_messages", "sent");
    this.#socket?.send(JSON.stringify(message));
  }

  #after(delay_ms: number, what: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      what();
    }, delay_ms);
    this.#timers.add(timer);
    return timer;
  }
}
