/** The settings of hub and sidecars in a laboratory. */

export const HUB_PORT = 8_787;
export const KEY = "key-of-the-stack";

/** Listens on these addresses only, on the documented ports. */
export const sidecarSettings = (hub: string, addresses: string, state: string): Record<string, string> => ({
  PARLEY_HUB: hub,
  PARLEY_KEY: KEY,
  PARLEY_NAME: addresses.replace(/,.*/, ""),
  PARLEY_LISTEN: addresses,
  PARLEY_ADDRESSES: addresses,
  PARLEY_LOG: "warn",
  PARLEY_DTLS: "on",
  PARLEY_STATE: state,
});
