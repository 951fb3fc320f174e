/**
 * Typed events without the surprises of Node's emitter: an `error` nobody listens for is not thrown, and a listener
 * that throws harms neither the other listeners nor the peer; its error surfaces as an uncaught exception of its own.
 */
type Listener = (...carries: unknown[]) => void;

export class Emitter<Events extends Record<keyof Events, unknown[]>> {
  readonly #listeners = new Map<keyof Events, Set<Listener>>();

  /** Calls the listener at every such event, in the order of arrival. Adding it twice is adding it once. */
  on<K extends keyof Events>(name: K, listener: (...carries: Events[K]) => void): this {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener as unknown as Listener));
    return this;
  }

  off<K extends keyof Events>(name: K, listener: (...carries: Events[K]) => void): this {
    this.#listeners.get(name)?.delete(listener as unknown as Listener);
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
    // Whoever is added while this event is told hears the next one.
    const now = Array.from(this.#listeners.get(name) ?? []);
    for (const listener of now) {
      try {
        listener(...carries);
      } catch (error) {
        // The game's own bug: it must be seen, but not from inside our socket.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
