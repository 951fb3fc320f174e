/**
 * Every number of the project, with its unit last in the name and its reason above it. Defaults of operator settings are
 * here too, so that one place answers which limit applies and why.
 */
export * from "./limits/lobbies.ts";
export * from "./limits/http.ts";
export * from "./limits/hub.ts";
export * from "./limits/link.ts";
export * from "./limits/sidecar.ts";
export * from "./limits/relay.ts";
export * from "./limits/dtls.ts";
export * from "./limits/punching.ts";
export * from "./limits/connections.ts";
