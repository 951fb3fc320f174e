// @ts-check
/** Asking again and again, for as long as nothing is told. */

export class Asking {
  /** @type {AbortController | null} */
  #over = null;

  get goesOn() {
    return this.#over !== null;
  }

  /** @param {(over: AbortSignal) => Promise<void>} forEver */
  start(forEver) {
    if (this.#over !== null) return;
    this.#over = new AbortController();
    void forEver(this.#over.signal);
  }

  stop() {
    this.#over?.abort();
    this.#over = null;
  }
}

/** @param {number} ms @param {AbortSignal} over @returns {Promise<void>} */
export function pause(ms, over) {
  return new Promise((done) => {
    const finish = () => {
      clearTimeout(timer);
      over.removeEventListener("abort", finish);
      done();
    };
    const timer = setTimeout(finish, ms);
    over.addEventListener("abort", finish);
  });
}
