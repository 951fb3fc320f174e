/** Timers of both platforms. */

export type Timer = ReturnType<typeof setTimeout>;

/** A timer that does not keep a Node process running. Browsers have no such notion. */
export function unref<T>(timer: T): T {
  (timer as { unref?: () => void }).unref?.();
  return timer;
}
