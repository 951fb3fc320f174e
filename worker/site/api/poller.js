// @ts-check
/** Runs one polling loop at a time: the fallback while the event stream is down. */

export class Poller {
  /** @type {AbortController | null} */
  #controller = null;

  get isRunning() {
    return this.#controller !== null;
  }

  /** Starts the loop unless one runs. @param {(signal: AbortSignal) => Promise<void>} loop returns once aborted */
  start(loop) {
    if (this.#controller !== null) return;
    this.#controller = new AbortController();
    void loop(this.#controller.signal);
  }

  stop() {
    this.#controller?.abort();
    this.#controller = null;
  }
}

/** Resolves after the time, or at once when aborted. @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish);
  });
}
