/** A data channel of node-datachannel with the part of the browsers' API that connections use. */
import type { DataChannel } from "../webrtc/engine.ts";
import type { NativeChannel } from "./native-webrtc.ts";

export class WebrtcChannel implements DataChannel {
  readonly #native: NativeChannel;
  readonly #events = new EventTarget();
  #threshold = 0;
  #isEnded = false;
  /** Fixed here. */
  binaryType: DataChannel["binaryType"] = "arraybuffer";

  constructor(native: NativeChannel) {
    this.#native = native;
    native.onOpen(() => this.#emit(new Event("open")));
    native.onClosed(() => this.#emit(new Event("close")));
    native.onBufferedAmountLow(() => this.#emit(new Event("bufferedamountlow")));
    native.onMessage((data) => this.#emit(new MessageEvent("message", { data: bufferOf(data) })));
    // Every error is followed by the end of the channel.
    native.onError(() => {});
  }

  get readyState(): string {
    return !this.#isEnded && this.#native.isOpen() ? "open" : "closed";
  }

  get bufferedAmount(): number {
    return this.#isEnded ? 0 : this.#native.bufferedAmount();
  }

  get bufferedAmountLowThreshold(): number {
    return this.#threshold;
  }

  set bufferedAmountLowThreshold(bytes: number) {
    this.#threshold = bytes;
    this.#native.setBufferedAmountLowThreshold(bytes);
  }

  send(bytes: Uint8Array): void {
    this.#native.sendMessageBinary(bytes);
  }

  addEventListener(...[type, listener, options]: Parameters<DataChannel["addEventListener"]>): void {
    this.#events.addEventListener(type, listener as (event: Event) => void, options);
  }

  /** The connection is closed: its channels must not be used any more. */
  detach(): void {
    this.#isEnded = true;
  }

  #emit(event: Event): void {
    if (!this.#isEnded) this.#events.dispatchEvent(event);
  }
}

/** Texts are no part of the protocol: they are passed on, and dropped there. */
function bufferOf(data: string | Buffer | ArrayBuffer): string | ArrayBuffer {
  if (typeof data === "string" || data instanceof ArrayBuffer) return data;
  const { buffer, byteOffset, byteLength } = data;
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
