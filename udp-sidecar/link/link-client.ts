/**
 * The sidecar's end of one link (shared/link/messages.ts): opens the WebSocket, reopens it, sends reports and receives
 * notices. Undelivered reports wait in the outbox. The log has one line when an outage begins, and one when it ends.
 */
import { decode } from "#shared/schema/decode.ts";
import {
  BACKOFF_MIN_MS,
  BACKOFF_MAX_MS,
  LINK_FRAME_LENGTH_MAX,
  LINK_OPEN_MS,
  LINK_PING_MS,
  LINK_RESEND_MS,
  LINK_SILENCE_MS,
  TWIN_WAIT_MS,
} from "#shared/limits.ts";
import {
  LinkCloseCode,
  type Directory,
  type FromSidecar,
  type Hello,
  linkPath,
  type MemberNotice,
  type Report,
  type Notices,
  type Welcome,
} from "#shared/link/messages.ts";
import { fromHub } from "#shared/link/decoders.ts";
import type { FromRelay, ToRelay } from "#shared/link/relay-messages.ts";
import type { Logger } from "pino";
import type { Secret } from "../config/secret.ts";
import type { SourceUsage } from "../core/source-quota.ts";
import { openWebSocket, WebSocket } from "../hub-requests/web-socket.ts";
import { diagnose } from "./diagnosis.ts";
import { Outbox } from "./outbox.ts";
import type { Counters } from "../core/counters.ts";
import type { Clock } from "../time/clock.ts";

export type LinkClientOptions = {
  readonly hub: URL;
  readonly key: Secret;
  readonly game: string;
  readonly shard: number;
  /** The current hello of this sidecar. */
  readonly hello: () => Hello;
  readonly log: Logger;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly handlers: {
    readonly onWelcome: (welcome: Welcome) => void;
    readonly onDirectory: (message: Directory) => void;
    readonly onMembers: (items: readonly MemberNotice[]) => void;
    readonly onAnnouncement: (text: string) => void;
    /** A message about relays, and a function that answers it. */
    readonly onRelayMessage: (message: ToRelay, say: (answer: FromRelay) => void) => void;
    readonly onReplies: (items: Notices["items"], reportAt: (seq: number) => Report | undefined) => void;
  };
};

export class LinkClient {
  readonly #options: LinkClientOptions;
  readonly #outbox = new Outbox();
  #socket: WebSocket | null = null;
  /** The hub has sent welcome and the whole list of members, so reports may be sent. */
  #up = false;
  #stopped = false;
  #failures = 0;
  #loggedFailure = "";
  /** The members received so far. */
  #members: MemberNotice[] = [];
  #received_at = 0;
  readonly #timers = new Set<() => void>();
  #flushing = false;
  #cancelResend: (() => void) | null = null;
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

  /** Queues a report; false if the outbox is full. All reports of one turn of the event loop are sent together. */
  report(report: Report): boolean {
    const accepted = this.#outbox.add(report, this.#options.clock.now());
    if (this.#up && !this.#flushing) {
      this.#flushing = true;
      setImmediate(() => {
        this.#flushing = false;
        this.#flush();
      });
    }
    return accepted;
  }

  /** Sends hello again over an open link, because something in it has changed; a new link sends it anyway. */
  sendHello(): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#send(this.#options.hello());
  }

  /** Delivers the waiting reports within `within_ms`, sends goodbye, and closes. */
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
    for (const cancel of this.#timers) cancel();
    this.#setResendTimer(null);
  }

  // --- opening and losing ----------------------------------------------------------------------------------------

  #open(): void {
    const { hub, key, game, shard } = this.#options;
    const url = new URL(linkPath(game, shard), hub);
    url.protocol = hub.protocol === "https:" ? "wss:" : "ws:";
    const socket = openWebSocket(url, `Bearer ${key.reveal()}`);
    this.#socket = socket;
    const cancelOpen = this.#after(LINK_OPEN_MS, () =>
      this.#handleLoss(socket, "the hub did not send its welcome in time"),
    );
    socket.addEventListener("open", () => this.#send(this.#options.hello()));
    socket.addEventListener("message", ({ data }) => {
      this.#received_at = this.#options.clock.now();
      if (data !== "pong") this.#handleMessage(socket, typeof data === "string" ? data : "", cancelOpen);
    });
    socket.addEventListener("close", ({ code, reason }) =>
      this.#handleLoss(socket, `closed with ${code} ${reason}`.trim(), code === LinkCloseCode.replaced),
    );
    socket.addEventListener("error", () => this.#handleLoss(socket, "the hub cannot be reached"));
  }

  #handleLoss(socket: WebSocket, why: string, isTwin = false): void {
    if (this.#socket !== socket || this.#stopped) return;
    this.#socket = null;
    socket.close();
    const wasUp = this.#up;
    this.#up = false;
    this.#setResendTimer(null);
    this.#outbox.rewind();
    this.#options.counters.add("links", wasUp ? "down" : isTwin ? "twin" : "failed");
    if (isTwin) return this.#waitForTwin();
    if (wasUp) this.#failures = 0;
    void this.#logFailure(why);
    const delay_max_ms = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.#failures++, 10));
    this.#after(Math.random() * delay_max_ms, () => this.#open());
  }

  /** Logs why there is no link, once per reason. */
  async #logFailure(why: string): Promise<void> {
    const { hub, key, game, shard, log } = this.#options;
    const failure = await diagnose(new URL(linkPath(game, shard), hub), key, why);
    if (this.#up || this.#stopped || failure === this.#loggedFailure) return;
    this.#loggedFailure = failure;
    log.warn({ hub: hub.origin, game, shard, why: failure }, "no link to the hub; retrying");
  }

  /** Another process uses this sidecar's name. One of the two must get another; until then the older one is linked. */
  #waitForTwin(): void {
    const { hub, game, shard, log, hello } = this.#options;
    this.#after(TWIN_WAIT_MS * (1 + Math.random()), () => this.#open());
    if (this.#loggedFailure === "twin") return;
    this.#loggedFailure = "twin";
    const { sidecar } = hello();
    log.error(
      { hub: hub.origin, game, shard, advice: "set PARLEY_NAME to another name on one of the two machines" },
      `another running sidecar is linked under the name ${sidecar}, so this one serves nobody`,
    );
  }

  // --- messages --------------------------------------------------------------------------------------------------

  #handleMessage(socket: WebSocket, text: string, cancelOpen: () => void): void {
    if (this.#socket !== socket) return;
    const { log, handlers, game, shard } = this.#options;
    const decoded = decode(text, fromHub, LINK_FRAME_LENGTH_MAX);
    if (!decoded.ok) {
      log.error({ game, shard, why: decoded.why }, "the hub sent an invalid link message");
      socket.close(LinkCloseCode.malformed, decoded.why.slice(0, 100));
      return this.#handleLoss(socket, "the hub sent an invalid link message");
    }
    const message = decoded.value;
    this.#options.counters.add("link_messages", "received");
    switch (message.t) {
      case "welcome":
        this.#outbox.welcome(message.ack);
        this.#members = [];
        return handlers.onWelcome(message);
      case "directory":
        return handlers.onDirectory(message);
      case "members":
        this.#members.push(...message.items);
        if (!message.last) return;
        handlers.onMembers(this.#members.splice(0));
        return this.#linkUp(socket, cancelOpen);
      case "told":
        handlers.onReplies(message.items, (seq) => this.#outbox.at(seq));
        if (message.ack !== null && this.#outbox.acknowledge(message.ack)) this.#setResendTimer(null);
        return this.#flush();
      case "announcement":
        return handlers.onAnnouncement(message.text);
      case "allocate":
      case "release":
      case "sidecars":
        return handlers.onRelayMessage(message, (answer) => {
          if (this.#up) this.#send(answer);
        });
    }
  }

  #linkUp(socket: WebSocket, cancelOpen: () => void): void {
    const { log, counters, game, shard, hub } = this.#options;
    cancelOpen();
    // The answer to a hello over an open link.
    if (this.#up) return this.#flush();
    this.#up = true;
    this.#failures = 0;
    this.#loggedFailure = "";
    counters.add("links", "up");
    log.info({ hub: hub.origin, game, shard }, "linked to the hub");
    this.#ping(socket);
    this.#flush();
  }

  #ping(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    if (this.#options.clock.now() - this.#received_at > LINK_SILENCE_MS)
      return this.#handleLoss(socket, "the hub sent nothing for too long");
    socket.send("ping");
    this.#after(LINK_PING_MS, () => this.#ping(socket));
  }

  #flush(): void {
    if (!this.#up) return;
    const now = this.#options.clock.now();
    for (let batch = this.#outbox.nextBatch(now); batch !== null; batch = this.#outbox.nextBatch(now))
      this.#send(batch);
    if (this.#outbox.size === 0) this.#emptied?.();
    // A hub that failed to store a batch sends no acknowledgement.
    if (this.#outbox.inFlight && this.#cancelResend === null) {
      this.#setResendTimer(() => {
        this.#outbox.rewind();
        this.#flush();
      });
    }
  }

  /** Arms the one timer that waits for the next acknowledgement; null stops it. */
  #setResendTimer(onTimeout: (() => void) | null): void {
    this.#cancelResend?.();
    this.#cancelResend = null;
    if (onTimeout === null) return;
    this.#cancelResend = this.#after(LINK_RESEND_MS, () => {
      this.#cancelResend = null;
      onTimeout();
    });
  }

  #send(message: FromSidecar): void {
    this.#options.counters.add("link_messages", "sent");
    this.#socket?.send(JSON.stringify(message));
  }

  /** Calls back after a delay, unless the link stops. Returns a function that cancels it. */
  #after(delay_ms: number, action: () => void): () => void {
    const stopTimer = this.#options.clock.after(delay_ms, () => {
      this.#timers.delete(cancel);
      action();
    });
    const cancel = (): void => {
      this.#timers.delete(cancel);
      stopTimer();
    };
    this.#timers.add(cancel);
    return cancel;
  }
}
