/** Kept responses in an isolate's memory, bounded by their number and by the bytes of their bodies. */
import { READ_BYTES_MAX, READ_ENTRIES_MAX } from "#shared/limits.ts";
import type { StoredRead } from "./stored-read.ts";

export class ReadMemory {
  /** By key, the oldest first. */
  readonly #reads = new Map<string, StoredRead>();
  #bytes = 0;

  get(key: string): StoredRead | undefined {
    return this.#reads.get(key);
  }

  put(key: string, read: StoredRead): void {
    this.#drop(key);
    this.#reads.set(key, read);
    this.#bytes += read.body.byteLength;
    for (const oldest of this.#reads.keys()) {
      if (this.#reads.size <= READ_ENTRIES_MAX && this.#bytes <= READ_BYTES_MAX) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#reads.get(key)?.body.byteLength ?? 0;
    this.#reads.delete(key);
  }
}
