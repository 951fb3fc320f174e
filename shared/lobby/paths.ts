/** How members of a lobby can exchange the game's traffic, as their clients announce it. */

/** `udp`: datagrams, as between native games. `webrtc`: data channels, as of a browser. */
export const PATH_KINDS = ["udp", "webrtc"] as const;
export type PathKind = (typeof PATH_KINDS)[number];

type Announced = { readonly paths?: readonly PathKind[] };

/** Whether the two may have a path. A client that announces nothing may have any. */
export const mayMeet = (one: Announced | undefined, other: Announced): boolean =>
  one?.paths === undefined || other.paths === undefined || other.paths.some((kind) => one.paths!.includes(kind));
