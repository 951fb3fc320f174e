/**
 * Group commit: requests that arrive while rows are on their way to the disk wait for it, and then run in one turn of the
 * event loop, whose rows the platform writes in one transaction. Without it every request waits for its own disk write.
 * An idle hub runs a request at once.
 */
export class GroupCommit {
  readonly #storage: Pick<DurableObjectStorage, "sync">;
  readonly #waiting: (() => void)[] = [];
  #committing = false;

  constructor(storage: Pick<DurableObjectStorage, "sync">) {
    this.#storage = storage;
  }

  /** Runs `work`, which must not wait, after all earlier work. What it throws rejects its own promise only. */
  run<T>(work: () => T): Promise<T> {
    const result = new Promise<T>((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
    if (!this.#committing) void this.#commit();
    return result;
  }

  async #commit(): Promise<void> {
    this.#committing = true;
    try {
      while (this.#waiting.length > 0) {
        for (const start of this.#waiting.splice(0)) start();
        await this.#storage.sync();
      }
    } catch {
      // The rows could not be written: the platform fails their requests and restarts the hub.
      for (const start of this.#waiting.splice(0)) start();
    } finally {
      this.#committing = false;
    }
  }
}
