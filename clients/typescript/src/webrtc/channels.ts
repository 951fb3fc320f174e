/**
 * The two data channels of a connection: 0 is reliable and ordered, 1 is neither (RFC 8831). Both sides create them with
 * these numbers, so that they need no announcement.
 */
import type { Connection, DataChannel } from "./engine.ts";
import { FrameReader, FrameWriter, type ReceivedMessage } from "./frames.ts";
import * as limits from "./limits.ts";

export type ChannelsHandlers = {
  readonly opened: () => void;
  /** The peer closed them. */
  readonly closed: () => void;
  readonly message: (message: ReceivedMessage) => void;
  /** Reliable messages can be sent again. */
  readonly drain: () => void;
};

export class Channels {
  readonly #reliable: DataChannel;
  readonly #unreliable: DataChannel;
  readonly #writer = new FrameWriter();
  readonly #readers = [new FrameReader(), new FrameReader()] as const;
  readonly #ended = new AbortController();
  #isFull = false;
  bytes_sent = 0;
  bytes_received = 0;

  constructor(connection: Connection, handlers: ChannelsHandlers) {
    const ended = { signal: this.#ended.signal };
    const loose = { ordered: false, maxPacketLifeTime: limits.UNRELIABLE_LIFETIME_MS };
    this.#reliable = connection.createDataChannel("reliable", { negotiated: true, id: 0 });
    this.#unreliable = connection.createDataChannel("unreliable", { negotiated: true, id: 1, ...loose });
    for (const [channel, reader] of [
      [this.#reliable, this.#readers[0]],
      [this.#unreliable, this.#readers[1]],
    ] as const) {
      channel.binaryType = "arraybuffer";
      channel.addEventListener("open", () => this.isOpen && handlers.opened(), ended);
      channel.addEventListener("close", handlers.closed, ended);
      const receive = ({ data }: { readonly data?: unknown }): void => {
        const message = data instanceof ArrayBuffer ? reader.read(new Uint8Array(data)) : null;
        if (message === null) return;
        this.bytes_received += message.bytes.length;
        handlers.message(message);
      };
      channel.addEventListener("message", receive, ended);
    }
    this.#reliable.bufferedAmountLowThreshold = limits.DRAIN_BYTES;
    const drain = (): void => {
      if (!this.#isFull) return;
      this.#isFull = false;
      handlers.drain();
    };
    this.#reliable.addEventListener("bufferedamountlow", drain, ended);
  }

  get isOpen(): boolean {
    return this.#reliable.readyState === "open" && this.#unreliable.readyState === "open";
  }

  get bufferedAmount(): number {
    return this.#reliable.bufferedAmount + this.#unreliable.bufferedAmount;
  }

  /** Returns false if too much is unsent, or the channels are not open. Throws a RangeError if the message is too long. */
  send(bytes: Uint8Array, reliable: boolean, channel: number): boolean {
    const longest = reliable ? limits.MESSAGE_BYTES_MAX : limits.FRAME_BYTES_MAX - 1;
    if (bytes.length > longest) throw new RangeError(`${bytes.length} bytes exceed the ${longest} of a message`);
    if (!Number.isInteger(channel) || channel < 0 || channel > limits.CHANNEL_MAX)
      throw new RangeError(`a channel from 0 to ${limits.CHANNEL_MAX} expected`);
    if (!this.isOpen) return false;
    const used = reliable ? this.#reliable : this.#unreliable;
    const unsent_max = reliable ? limits.UNSENT_RELIABLE_BYTES_MAX : limits.UNSENT_UNRELIABLE_BYTES_MAX;
    if (used.bufferedAmount > 0 && used.bufferedAmount + bytes.length > unsent_max) {
      this.#isFull ||= reliable;
      return false;
    }
    this.#writer.write(bytes, channel, (frame) => used.send(frame));
    this.bytes_sent += bytes.length;
    return true;
  }

  /** Ends the events. The connection closes the channels. */
  detach(): void {
    this.#ended.abort();
  }
}
