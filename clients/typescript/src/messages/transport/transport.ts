/**
 * Messages to and from one connected peer, over datagrams that may be lost, duplicated and reordered: acknowledgements,
 * retransmission, and the order in which data leaves. Sans I/O: the caller passes the time.
 *
 * A datagram carries the acknowledgement that is due, then windows, unreliable fragments, and reliable bytes, the
 * channels taking turns. Unreliable fragments leave even if reliable bytes fill the window. They count in it, so that
 * reliable bytes yield to them.
 */
import { AckTracker } from "./ack-tracker.ts";
import { Congestion } from "./congestion.ts";
import { InFlight, type SentDatagram } from "./in-flight.ts";
import * as limits from "../limits.ts";
import {
  type AckFrame,
  type Data,
  DATA_HEADER_BYTES,
  DataWriter,
  DEFLATED,
  FRAGMENT_HEADER_BYTES,
  WINDOW_FRAME_BYTES,
} from "../packets.ts";
import { Reassembly } from "./reassembly.ts";
import { type ReceivedMessage, ReceiveStream } from "./receive-stream.ts";
import { RttEstimator } from "./rtt.ts";
import { SendQueue } from "./send-queue.ts";
import type { TransportStats } from "./stats.ts";

export class Transport {
  readonly #mtu: number;
  readonly #to: number;
  readonly #rtt: RttEstimator;
  readonly #congestion: Congestion;
  readonly #inFlight = new InFlight();
  readonly #queue = new SendQueue();
  readonly #incoming = new Map<number, ReceiveStream>();
  readonly #reassembly = new Reassembly();
  readonly #acks = new AckTracker();
  /** Channels whose receive window is to be announced. */
  readonly #windowsDue = new Set<number>();
  #pingDue = false;
  /** When the oldest new message has waited long enough; Infinity: there is none. */
  #flushAt = Infinity;
  #number = 0;
  /** When a datagram that elicits an acknowledgement was last sent. */
  #elicitedAt = -Infinity;
  /** Probes since the last acknowledgement. */
  #unansweredProbes = 0;
  #lastReceivedAt: number;
  #counts = { sent: 0, tracked: 0, lost: 0 };

  constructor(setup: { mtu: number; to: number; rtt_ms: number | null }, now: number) {
    this.#mtu = setup.mtu;
    this.#to = setup.to;
    this.#rtt = new RttEstimator(setup.rtt_ms);
    this.#congestion = new Congestion(setup.mtu, now);
    this.#lastReceivedAt = now;
  }

  // --- for the session -----------------------------------------------------------------------------------------

  /** On at most `CHANNELS_MAX` channels. */
  pushReliable(channel: number, bytes: Uint8Array, isDeflated: boolean, flushAt: number): void {
    this.#queue.pushReliable(channel, bytes, isDeflated);
    this.#flushAt = Math.min(this.#flushAt, flushAt);
  }

  pushUnreliable(channel: number, bytes: Uint8Array, isDeflated: boolean, flushAt: number): void {
    const fragment_bytes_max = this.#mtu - DATA_HEADER_BYTES - FRAGMENT_HEADER_BYTES;
    this.#queue.pushUnreliable(channel, bytes, isDeflated ? DEFLATED : 0, fragment_bytes_max);
    this.#flushAt = Math.min(this.#flushAt, flushAt);
  }

  /** The game has read a message that took so many bytes of the channel's window. */
  consume(channel: number, taken: number): void {
    if (this.#incoming.get(channel)?.consume(taken) === true) this.#windowsDue.add(channel);
  }

  /** Bytes that are queued or unacknowledged. */
  get pending(): number {
    return this.#queue.pending;
  }

  /** How long an unreliable message would wait if it were sent now. */
  get queue_ms(): number {
    const { unreliableBytes } = this.#queue;
    const over = Math.max(0, this.#inFlight.unreliableBytes + unreliableBytes - this.#congestion.window);
    return Math.max(over, unreliableBytes - limits.BURST * this.#mtu, 0) / this.#rate;
  }

  stats(now: number): TransportStats {
    const { sent, tracked, lost } = this.#counts;
    const { unacked, pending, pendingReliable, unreliableBytes } = this.#queue;
    const budget = this.#congestion.budget(this.#rtt.smoothed_ms, now);
    return {
      ping_ms: this.#rtt.isMeasured ? this.#rtt.smoothed_ms : null,
      quality_out: tracked === 0 ? 1 : 1 - lost / tracked,
      quality_in: this.#acks.quality,
      sent,
      received: this.#acks.count,
      lost,
      sendRate_bytes_per_s: this.#rate * 1_000,
      pendingUnreliable_bytes: unreliableBytes,
      pendingReliable_bytes: pendingReliable - unacked,
      unackedReliable_bytes: unacked,
      queue_ms: Math.max(0, pending - unacked - budget) / this.#rate,
    };
  }

  /** Bytes per millisecond. */
  get #rate(): number {
    return this.#congestion.rate(this.#rtt.smoothed_ms);
  }

  // --- receiving -----------------------------------------------------------------------------------------------

  get lastReceivedAt(): number {
    return this.#lastReceivedAt;
  }

  /** Since when the peer owes an acknowledgement and is silent; Infinity: it owes none. */
  get unansweredSince(): number {
    return this.#inFlight.isEmpty ? Infinity : Math.max(this.#lastReceivedAt, this.#inFlight.oldest!.at);
  }

  /** Returns the messages that are complete, or null if the peer violates the protocol. */
  receive({ number, frames }: Data, now: number): ReceivedMessage[] | null {
    if (this.#acks.isDuplicate(number)) {
      this.#acks.acknowledgeNow(now);
      return [];
    }
    for (const frame of frames) {
      if (frame.type !== "bytes") continue;
      const stream = this.#stream(frame.channel);
      // A datagram without room is not acknowledged, so the peer sends it again.
      if (stream === null || !stream.hasRoomFor(frame)) return [];
    }
    this.#lastReceivedAt = now;
    const isEliciting = frames.some(({ type }) => type !== "ack");
    this.#acks.record(number, isEliciting, now);
    const messages: ReceivedMessage[] = [];
    for (const frame of frames) {
      if (frame.type === "ack") this.#handleAck(frame, now);
      else if (frame.type === "window") this.#queue.widen(frame.channel, frame.limit);
      else if (frame.type === "fragment") {
        const message = this.#reassembly.receive(frame, now);
        if (message !== null) messages.push(message);
      } else if (frame.type === "bytes") {
        const completed = this.#incoming.get(frame.channel)!.receive(frame);
        if (completed === null) return null;
        messages.push(...completed);
      }
    }
    return messages;
  }

  #stream(channel: number): ReceiveStream | null {
    let stream = this.#incoming.get(channel);
    if (stream === undefined && this.#incoming.size < limits.CHANNELS_MAX) {
      this.#incoming.set(channel, (stream = new ReceiveStream(channel)));
    }
    return stream ?? null;
  }

  #handleAck(ack: AckFrame, now: number): void {
    const isFull = this.#isFull();
    const acked = this.#inFlight.acked(ack);
    const newest = acked.at(-1);
    if (newest === undefined) return;
    if (newest.number === ack.ranges.at(-1)![1] - 1) this.#rtt.measure(now - newest.at, ack.delay_ms, now);
    this.#unansweredProbes = 0;
    for (const sent of acked) {
      for (const range of sent.ranges) range.stream.acked(range);
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

  #requeue({ ranges, windows }: SentDatagram): void {
    for (const range of ranges) range.stream.lost(range);
    for (const channel of windows) this.#windowsDue.add(channel);
  }

  /** The congestion window is, or nearly is, what limits sending. */
  #isFull(): boolean {
    return this.#inFlight.bytes + this.#mtu * 2 > this.#congestion.window / 2;
  }

  // --- sending -------------------------------------------------------------------------------------------------

  /** Sends a frame that the peer acknowledges. */
  ping(): void {
    this.#pingDue = true;
  }

  /** The datagrams that are due. */
  takeDatagrams(now: number): Uint8Array[] {
    this.#detectLoss(this.#isFull(), now);
    this.#probe(now);
    const datagrams: Uint8Array[] = [];
    for (let next = this.#nextDatagram(now); next !== null; next = this.#nextDatagram(now)) datagrams.push(next);
    return datagrams;
  }

  /** When to call `takeDatagrams` next; Infinity for never. */
  deadline(): number {
    const { window } = this.#congestion;
    const mayUnreliable = this.#queue.hasFragments && this.#inFlight.unreliableBytes < window;
    const mayReliable = this.#inFlight.bytes < window && this.#queue.hasStreamBytes;
    const readyAt = this.#congestion.readyAt(this.#rtt.smoothed_ms);
    const paced = mayUnreliable || mayReliable ? Math.max(this.#waitsUntil(), readyAt) : Infinity;
    const forced = this.#pingDue || this.#windowsDue.size > 0 ? -Infinity : Infinity;
    return Math.min(this.#acks.due, this.#inFlight.lossAt(this.#rtt), this.#probeAt(), paced, forced);
  }

  #probeAt(): number {
    return this.#inFlight.isEmpty ? Infinity : this.#elicitedAt + this.#rtt.probe_ms(this.#unansweredProbes);
  }

  /** Without an acknowledgement for too long, sends the oldest data again with a ping (RFC 9002 section 6.2). */
  #probe(now: number): void {
    if (now < this.#probeAt()) return;
    this.#unansweredProbes++;
    this.#elicitedAt = now;
    this.#pingDue = true;
    for (const range of this.#inFlight.oldest!.ranges) range.stream.lost(range);
    if (this.#unansweredProbes === limits.PROBES_UNTIL_COLLAPSE) this.#congestion.collapse(now);
  }

  /** New data may wait for more data; lost data may not. */
  #waitsUntil(): number {
    return this.#flushAt === Infinity ? -Infinity : this.#flushAt;
  }

  /** Returns null if nothing is due. */
  #nextDatagram(now: number): Uint8Array | null {
    const isAcking = this.#acks.due <= now;
    const isForced = this.#pingDue || this.#windowsDue.size > 0;
    const { mayUnreliable, mayReliable } = this.#allowed(now);
    if (!isAcking && !isForced && !mayUnreliable && !mayReliable) return null;

    const out = new DataWriter(this.#mtu, this.#to, this.#number);
    if (isAcking ? !this.#acks.isEmpty : this.#acks.isOwed) this.#acks.write(out, now);
    const roomAfterAck = out.room;
    const windows = this.#writeWindows(out);
    if (this.#pingDue) out.ping();
    this.#pingDue = false;
    const fragments = mayUnreliable ? this.#queue.writeFragments(out) : 0;
    const ranges = mayReliable ? this.#queue.writeStreams(out) : [];
    if (out.isEmpty) return null;
    const datagram = out.finish();
    if (out.room !== roomAfterAck) {
      const { length: bytes } = datagram;
      const isUnreliable = fragments > 0 && ranges.length === 0;
      if (this.#inFlight.isEmpty || this.#unansweredProbes === 0) this.#elicitedAt = now;
      this.#inFlight.add({ number: this.#number, at: now, bytes, ranges, windows, isUnreliable });
      this.#congestion.spend(bytes);
      this.#counts.tracked++;
    }
    if (!this.#queue.hasFragments && !this.#queue.hasStreamBytes) this.#flushAt = Infinity;
    this.#number++;
    this.#counts.sent++;
    return datagram;
  }

  /** What congestion control, pacing and the Nagle timer allow to leave now. */
  #allowed(now: number): { mayUnreliable: boolean; mayReliable: boolean } {
    const { window } = this.#congestion;
    const budget = this.#congestion.budget(this.#rtt.smoothed_ms, now);
    const isWaiting = now < this.#waitsUntil() && this.#queue.pending < this.#mtu;
    // Fragments may exceed the pacing budget, so that a stream that uses all of it does not delay them.
    const mayUnreliable =
      !isWaiting &&
      this.#queue.hasFragments &&
      budget > -limits.BURST * this.#mtu &&
      this.#inFlight.unreliableBytes < window;
    const isProbe = this.#pingDue && this.#unansweredProbes > 0;
    const mayReliable =
      isProbe || (!isWaiting && budget > 0 && this.#inFlight.bytes < window && this.#queue.hasStreamBytes);
    return { mayUnreliable, mayReliable };
  }

  #writeWindows(out: DataWriter): number[] {
    const written: number[] = [];
    for (const channel of this.#windowsDue) {
      if (out.room < WINDOW_FRAME_BYTES) break;
      out.window(channel, this.#incoming.get(channel)!.limit);
      this.#windowsDue.delete(channel);
      written.push(channel);
    }
    return written;
  }
}
