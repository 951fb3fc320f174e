/**
 * Messages to and from one connected peer over datagrams that may be lost, doubled and overtaken: who confirms what, what
 * is sent again, and in which order things leave. No clock, no socket.
 *
 * A datagram is filled with the confirmation that is due, then with windows, unreliable pieces, and reliable bytes, the
 * channels taking turns. Unreliable pieces leave though reliable bytes fill the window, and count in it, so that the
 * reliable ones make way.
 */
import { Congestion } from "./congestion.ts";
import { InFlight, type SentDatagram } from "./in-flight.ts";
import { type ReceivedMessage, ReceiveStream, Reassembly } from "./receive-stream.ts";
import * as limits from "../limits.ts";
import { SendStream, type StreamRange, Fragments } from "./send-stream.ts";
import {
  type AckFrame,
  STREAM_HEADER_BYTES,
  type Data,
  DATA_HEADER_BYTES,
  DataWriter,
  DEFLATED,
  FRAGMENT_HEADER_BYTES,
  WINDOW_FRAME_BYTES,
} from "../packets.ts";
import { Ranges } from "./ranges.ts";
import { RttEstimator } from "./rtt.ts";

export type TransportStats = {
  readonly ping_ms: number | null;
  /** Shares of the datagrams sent and of those heard that arrived; 1 where there were none. */
  readonly quality_out: number;
  readonly quality_in: number;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly sendRate_bytes_per_s: number;
  readonly pendingUnreliable_bytes: number;
  readonly pendingReliable_bytes: number;
  readonly unackedReliable_bytes: number;
  readonly queue_ms: number;
};

export class Transport {
  readonly #mtu: number;
  readonly #to: number;
  readonly #rtt: RttEstimator;
  readonly #congestion: Congestion;
  readonly #inFlight = new InFlight();
  readonly #outgoing = new Map<number, SendStream>();
  readonly #incoming = new Map<number, ReceiveStream>();
  readonly #fragments = new Fragments();
  readonly #reassembly = new Reassembly();
  readonly #heard = new Ranges();
  /** Below it everything counts as heard. */
  #floor = 0;
  #largestHeardAt = 0;
  #ackDue = Infinity;
  #acksOwed = 0;
  readonly #windowsDue = new Set<number>();
  #pingDue = false;
  /** When the oldest new message has waited long enough; Infinity where there is none. */
  #flushAt = Infinity;
  #number = 0;
  #turn = 0;
  /** Since the last confirmation: when something was sent that one is due for, and how often was asked in vain. */
  #elicitedAt = -Infinity;
  #unansweredProbes = 0;
  #lastHeardAt: number;
  #counts = { sent: 0, tracked: 0, lost: 0, heard: 0, doubled: 0 };

  constructor(setup: { mtu: number; to: number; rtt_ms: number | null }, now: number) {
    this.#mtu = setup.mtu;
    this.#to = setup.to;
    this.#rtt = new RttEstimator(setup.rtt_ms);
    this.#congestion = new Congestion(setup.mtu, now);
    this.#lastHeardAt = now;
  }

  // --- the game ------------------------------------------------------------------------------------------------

  /** On at most `CHANNELS_MAX` channels. */
  pushReliable(channel: number, bytes: Uint8Array, isDeflated: boolean, flushAt: number): void {
    let stream = this.#outgoing.get(channel);
    if (stream === undefined) this.#outgoing.set(channel, (stream = new SendStream(channel)));
    stream.push(bytes, isDeflated);
    this.#flushAt = Math.min(this.#flushAt, flushAt);
  }

  pushUnreliable(channel: number, bytes: Uint8Array, isDeflated: boolean, flushAt: number): void {
    const piece_bytes_max = this.#mtu - DATA_HEADER_BYTES - FRAGMENT_HEADER_BYTES;
    this.#fragments.push(channel, bytes, isDeflated ? DEFLATED : 0, piece_bytes_max);
    this.#flushAt = Math.min(this.#flushAt, flushAt);
  }

  /** The game has read a message. */
  consume(channel: number, taken: number): void {
    if (this.#incoming.get(channel)?.consume(taken) === true) this.#windowsDue.add(channel);
  }

  /** Bytes that wait or are not confirmed. */
  get pending(): number {
    return this.pendingReliable + this.#fragments.bytes;
  }

  get pendingReliable(): number {
    let sum = 0;
    for (const stream of this.#outgoing.values()) sum += stream.pending;
    return sum;
  }

  /** How long an unreliable message of now would wait. */
  get queue_ms(): number {
    const rate = this.#congestion.rate(this.#rtt.smoothed_ms);
    const over = Math.max(0, this.#inFlight.unreliableBytes + this.#fragments.bytes - this.#congestion.window);
    return Math.max(over, this.#fragments.bytes - limits.BURST * this.#mtu, 0) / rate;
  }

  stats(now: number): TransportStats {
    const { sent, tracked, lost, heard } = this.#counts;
    const span = this.#heard.size === 0 ? 0 : this.#heard.all.at(-1)![1];
    let unacked = 0;
    for (const stream of this.#outgoing.values()) unacked += stream.unacked;
    const waiting = this.pending - unacked;
    const rate = this.#congestion.rate(this.#rtt.smoothed_ms);
    return {
      ping_ms: this.#rtt.isMeasured ? this.#rtt.smoothed_ms : null,
      quality_out: tracked === 0 ? 1 : 1 - lost / tracked,
      quality_in: span === 0 ? 1 : Math.min(1, heard / span),
      sent,
      received: heard,
      lost,
      sendRate_bytes_per_s: rate * 1_000,
      pendingUnreliable_bytes: this.#fragments.bytes,
      pendingReliable_bytes: this.pendingReliable - unacked,
      unackedReliable_bytes: unacked,
      queue_ms: Math.max(0, waiting - this.#congestion.budget(this.#rtt.smoothed_ms, now)) / rate,
    };
  }

  // --- hearing -------------------------------------------------------------------------------------------------

  get lastReceivedAt(): number {
    return this.#lastHeardAt;
  }

  /** Since when an answer is owed and nothing was heard; Infinity where none is. */
  get unansweredSince(): number {
    return this.#inFlight.isEmpty ? Infinity : Math.max(this.#lastHeardAt, this.#inFlight.oldest!.at);
  }

  /** The messages that came, or null where the peer does not keep to the rules. */
  receive({ number, frames }: Data, now: number): ReceivedMessage[] | null {
    if (number < this.#floor || this.#heard.has(number)) {
      this.#counts.doubled++;
      // He has not heard of the confirmation.
      this.#ackDue = Math.min(this.#ackDue, now);
      return [];
    }
    const bytes = frames.filter((frame) => frame.type === "bytes");
    for (const frame of bytes) {
      const stream = this.#stream(frame.channel);
      // What is not taken is not confirmed either: it comes again.
      if (stream === null || !stream.hasRoomFor(frame)) return [];
    }
    this.#note(
      number,
      frames.some(({ type }) => type !== "ack"),
      now,
    );
    const arrived: ReceivedMessage[] = [];
    for (const frame of frames) {
      if (frame.type === "ack") this.#handleAck(frame, now);
      else if (frame.type === "window") this.#outgoing.get(frame.channel)?.widen(frame.limit);
      else if (frame.type === "piece") {
        const message = this.#reassembly.receive(frame, now);
        if (message !== null) arrived.push(message);
      } else if (frame.type === "bytes") {
        const messages = this.#incoming.get(frame.channel)!.receive(frame);
        if (messages === null) return null;
        arrived.push(...messages);
      }
    }
    return arrived;
  }

  #stream(channel: number): ReceiveStream | null {
    let stream = this.#incoming.get(channel);
    if (stream === undefined && this.#incoming.size < limits.CHANNELS_MAX) {
      this.#incoming.set(channel, (stream = new ReceiveStream(channel)));
    }
    return stream ?? null;
  }

  #note(number: number, isEliciting: boolean, now: number): void {
    const largest = this.#heard.all.at(-1)?.[1] ?? 0;
    this.#lastHeardAt = now;
    this.#counts.heard++;
    this.#heard.add(number, number + 1);
    if (this.#heard.size > limits.RANGES_MAX) this.#floor = this.#heard.keep(limits.RANGES_MAX);
    if (number >= largest) this.#largestHeardAt = now;
    if (!isEliciting) return;
    this.#acksOwed++;
    const isInOrder = number === largest;
    const isDue = this.#acksOwed >= limits.ACK_EVERY || !isInOrder;
    this.#ackDue = Math.min(this.#ackDue, isDue ? now : now + limits.ACK_DELAY_MS);
  }

  #handleAck(ack: AckFrame, now: number): void {
    const isFull = this.#isFull();
    const acked = this.#inFlight.acked(ack);
    const newest = acked.at(-1);
    if (newest === undefined) return;
    if (newest.number === ack.ranges.at(-1)![1] - 1) this.#rtt.measure(now - newest.at, ack.delay_ms, now);
    this.#unansweredProbes = 0;
    for (const sent of acked) {
      for (const part of sent.parts) part.stream.acked(part);
      this.#congestion.acked(sent, this.#rtt, isFull, now);
    }
    this.#detectLoss(isFull, now);
  }

  #detectLoss(isFull: boolean, now: number): void {
    for (const sent of this.#inFlight.lost(this.#rtt, now)) {
      this.#counts.lost++;
      this.#requeue(sent);
      this.#congestion.lost(sent, this.#rtt.min_ms, isFull, now);
    }
  }

  #requeue({ parts, windows }: SentDatagram): void {
    for (const part of parts) part.stream.lost(part);
    for (const channel of windows) this.#windowsDue.add(channel);
  }

  /** The window kept, or nearly kept, something from being sent. */
  #isFull(): boolean {
    return this.#inFlight.bytes + this.#mtu * 2 > this.#congestion.window / 2;
  }

  // --- sending -------------------------------------------------------------------------------------------------

  /** A question that the peer answers. */
  ping(): void {
    this.#pingDue = true;
  }

  /** The datagrams that are due. */
  takeDatagrams(now: number): Uint8Array[] {
    this.#detectLoss(this.#isFull(), now);
    this.#probe(now);
    const datagrams: Uint8Array[] = [];
    for (let made = this.#nextDatagram(now); made !== null; made = this.#nextDatagram(now)) datagrams.push(made);
    return datagrams;
  }

  /** When there is something to do; Infinity for never. */
  deadline(): number {
    const { smoothed_ms } = this.#rtt;
    const mayUnreliable = this.#fragments.next !== undefined && this.#inFlight.unreliableBytes < this.#congestion.window;
    const mayReliable = this.#inFlight.bytes < this.#congestion.window && this.#isReady();
    const paced =
      mayUnreliable || mayReliable ? Math.max(this.#waitsUntil(), this.#congestion.readyAt(smoothed_ms)) : Infinity;
    const now = this.#pingDue || this.#windowsDue.size > 0 ? -Infinity : Infinity;
    return Math.min(this.#ackDue, this.#inFlight.lossAt(this.#rtt), this.#probeAt(), paced, now);
  }

  #probeAt(): number {
    return this.#inFlight.isEmpty ? Infinity : this.#elicitedAt + this.#rtt.probe_ms(this.#unansweredProbes);
  }

  /** Nothing was confirmed for long: the oldest is sent again, as a question. */
  #probe(now: number): void {
    if (now < this.#probeAt()) return;
    this.#unansweredProbes++;
    this.#elicitedAt = now;
    this.#pingDue = true;
    for (const part of this.#inFlight.oldest!.parts) part.stream.lost(part);
    if (this.#unansweredProbes === limits.PROBES_UNTIL_COLLAPSE) this.#congestion.collapse(now);
  }

  #isReady(): boolean {
    for (const stream of this.#outgoing.values()) if (stream.isReady) return true;
    return false;
  }

  /** What is new may wait for company; what was lost may not. */
  #waitsUntil(): number {
    return this.#flushAt === Infinity ? -Infinity : this.#flushAt;
  }

  /** One datagram, or null where nothing is due. */
  #nextDatagram(now: number): Uint8Array | null {
    const isAcking = this.#ackDue <= now;
    const isForced = this.#pingDue || this.#windowsDue.size > 0;
    const budget = this.#congestion.budget(this.#rtt.smoothed_ms, now);
    const isWaiting = now < this.#waitsUntil() && this.#fragments.bytes + this.pendingReliable < this.#mtu;
    // What is unreliable may leave somewhat before its time, so that a stream that uses all of it does not delay it.
    const mayUnreliable =
      !isWaiting &&
      this.#fragments.next !== undefined &&
      budget > -limits.BURST * this.#mtu &&
      this.#inFlight.unreliableBytes < this.#congestion.window;
    const isProbe = this.#pingDue && this.#unansweredProbes > 0;
    const mayReliable =
      isProbe || (!isWaiting && budget > 0 && this.#inFlight.bytes < this.#congestion.window && this.#isReady());
    if (!isAcking && !isForced && !mayUnreliable && !mayReliable) return null;

    const out = new DataWriter(this.#mtu, this.#to, this.#number);
    if (this.#heard.size > 0 && (isAcking || this.#acksOwed > 0)) this.#writeAck(out, now);
    const isBare = out.room;
    const windows = this.#writeWindows(out);
    if (this.#pingDue) out.ping();
    this.#pingDue = false;
    const pieces = mayUnreliable ? this.#writePieces(out) : 0;
    const parts = mayReliable ? this.#writeBytes(out) : [];
    if (out.isEmpty) return null;
    const datagram = out.finish();
    if (out.room !== isBare) {
      const { length: bytes } = datagram;
      const isUnreliable = pieces > 0 && parts.length === 0;
      if (this.#inFlight.isEmpty || this.#unansweredProbes === 0) this.#elicitedAt = now;
      this.#inFlight.add({ number: this.#number, at: now, bytes, parts, windows, isUnreliable });
      this.#congestion.spend(bytes);
      this.#counts.tracked++;
    }
    if (this.#fragments.next === undefined && !this.#isReady()) this.#flushAt = Infinity;
    this.#number++;
    this.#counts.sent++;
    return datagram;
  }

  #writeAck(out: DataWriter, now: number): void {
    out.ack(this.#heard.all, now - this.#largestHeardAt, limits.ACK_RANGES_MAX);
    this.#ackDue = Infinity;
    this.#acksOwed = 0;
  }

  #writeWindows(out: DataWriter): number[] {
    const told: number[] = [];
    for (const channel of this.#windowsDue) {
      if (out.room < WINDOW_FRAME_BYTES) break;
      out.window(channel, this.#incoming.get(channel)!.limit);
      this.#windowsDue.delete(channel);
      told.push(channel);
    }
    return told;
  }

  #writePieces(out: DataWriter): number {
    let written = 0;
    for (let piece = this.#fragments.next; piece !== undefined; piece = this.#fragments.next) {
      if (out.room < FRAGMENT_HEADER_BYTES + piece.bytes.length) break;
      out.fragment(piece);
      this.#fragments.shift();
      written++;
    }
    return written;
  }

  /** Channels take turns, one part each. */
  #writeBytes(out: DataWriter): StreamRange[] {
    const streams = [...this.#outgoing.values()];
    const parts: StreamRange[] = [];
    for (let idle = 0; idle < streams.length && out.room > STREAM_HEADER_BYTES;) {
      const stream = streams[this.#turn++ % streams.length]!;
      const part = stream.next(out.room - STREAM_HEADER_BYTES);
      if (part === null) {
        idle++;
        continue;
      }
      idle = 0;
      out.bytes(stream.channel, part.from, part.to - part.from, (target) => stream.copy(part, target));
      parts.push(part);
    }
    return parts;
  }
}
