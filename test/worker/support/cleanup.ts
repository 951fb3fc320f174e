/** Ends what a test has opened or replaced, after every test: the clock, spies, and the sockets of sidecars and subscribers. */
import { afterEach, vi } from "vitest";
import { hangUp } from "./sidecar.ts";
import { lookAway } from "./subscriber.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  lookAway();
  hangUp();
});
