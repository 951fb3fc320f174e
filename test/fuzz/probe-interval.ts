/** How often probe.ts measures the delay of the event loop, in ms. */
export const EVERY_MS = 10;
