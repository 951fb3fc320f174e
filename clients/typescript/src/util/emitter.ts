/**
 * Typed events. Unlike Node's emitter, it does not throw an `error` without a listener. A listener that throws affects
 * neither the other listeners nor the caller; its error becomes an uncaught exception.
 */
type Listener = (...carries: unknown[]) => void;

export class Emitter<Events extends Record<keyof Events, unknown[]>> {
  /** Each list is replaced by a change, so that an event under way keeps the list that it began with. */
  readonly #listeners = new Map<keyof Events, readonly Listener[]>();

  /** Calls the listener at every such event, in the order of registration. A listener is added once. */
  on<K extends keyof Events>(name: K, listener: (...carries: Events[K]) => void): this {
    const listeners = this.#listeners.get(name) ?? [];
    if (!listeners.includes(listener as unknown as Listener))
      this.#listeners.set(name, [...listeners, listener as unknown as Listener]);
    return this;
  }

  off<K extends keyof Events>(name: K, listener: (...carries: Events[K]) => void): this {
    const listeners = this.#listeners.get(name) ?? [];
    this.#listeners.set(
      name,
      listeners.filter((one) => one !== (listener as unknown as Listener)),
    );
    return this;
  }

  /** Calls the listener at the next such event only. */
  once<K extends keyof Events>(name: K, listener: (...carries: Events[K]) => void): this {
    const once = (...carries: Events[K]): void => {
      this.off(name, once);
      listener(...carries);
    };
    return this.on(name, once);
  }

  protected emit<K extends keyof Events>(name: K, carries: Events[K]): void {
    // A listener added during this event receives the next one.
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        listener(...carries);
      } catch (error) {
        // The error is the game's. It must surface, but not inside the socket's callback.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
