/** What the hub and the sidecars of a laboratory are set to. */

export const HUB_PORT = 8_787;
export const KEY = "key-of-the-stack";

/** Listens on the address alone, on the ports of its documentation. */
export const sidecarSettings = (hub: string, address: string, state: string): Record<string, string> => ({
  PARLEY_HUB: hub,
  PARLEY_KEY: KEY,
  PARLEY_NAME: address,
  PARLEY_LISTEN: address,
  PARLEY_ADDRESSES: address,
  PARLEY_LOG: "warn",
  PARLEY_DTLS: "on",
  PARLEY_STATE: state,
});
