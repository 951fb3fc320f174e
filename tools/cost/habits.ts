/**
 * What players do, as actions of one lobby in time. Assumed, not counted: change a figure here and run `npm run cost`.
 */
import type { OperationName } from "./operations.ts";

/** A player plays for 20 minutes and then returns as another session. */
export const SESSION_S = 1_200;
/** Lobbies by size: half of them have two players. */
export const SIZES: readonly (readonly [size: number, share: number])[] = [
  [2, 0.5],
  [3, 0.1],
  [4, 0.2],
  [6, 0.1],
  [8, 0.1],
];
/** Lobbies over HTTP and WebSocket; the others use a wire such as Rabid's. */
export const NATIVE_SHARE = 0.5;
/** Players that watch the list over a WebSocket for a minute; the others request it every 5 s for as long. */
export const WATCHER_SHARE = 0.2;
export const BROWSE_S = 60;
export const POLL_S = 5;
export const PING_S = 10;
/** Players that leave halfway: half of them say so, half of them lose their connection. */
export const QUITTER_SHARE = 0.15;
/** New identities: others have one from an earlier session. */
export const NEW_PLAYER_SHARE = 0.2;
export const CHATS_PER_PLAYER = 5;
/** Members join within two minutes of the lobby's creation. */
const FILL_S = 120;

/** Players at once in each hour of the day, as a share of the evening's peak. */
export const HOURS: readonly number[] = [
  0.45, 0.33, 0.25, 0.2, 0.18, 0.18, 0.2, 0.25, 0.32, 0.38, 0.43, 0.48, 0.53, 0.56, 0.6, 0.66, 0.73, 0.82, 0.92, 0.98,
  1, 0.95, 0.8, 0.6,
];

/** Locations of Cloudflare that players reach: the share of the n-th is 1/n. */
export const LOCATIONS = 100;
/** Queries of a game's players: most request the default list, the others one of these filters. */
export const FILTERS = 20;
export const FILTER_SHARE = 0.25;

export type Random = () => number;
export type Action = { readonly at_s: number; readonly name: OperationName; readonly times: number };
type Add = (at_s: number, name: OperationName, times?: number) => void;

export const sizeOf = (random: Random): number => {
  let left = random();
  return SIZES.find(([, share]) => (left -= share) < 0)?.[0] ?? 2;
};

/** The actions of one lobby and its members, from the first look at the list to the end. */
export function actionsOf(size: number, random: Random): { readonly actions: Action[]; readonly player_s: number } {
  const actions: Action[] = [];
  const add: Add = (at_s, name, times = 1) => void actions.push({ at_s, name, times });
  const isNative = random() < NATIVE_SHARE;
  const joined = Array.from({ length: size }, (_, at) => BROWSE_S + (at === 0 ? 0 : random() * FILL_S));
  for (const at_s of joined) browse(at_s - BROWSE_S, random, add);
  const start_s = Math.max(...joined) + 1;
  const end_s = BROWSE_S + SESSION_S;
  let player_s = 0;
  for (const [at, join_s] of joined.entries()) {
    const isHost = at === 0;
    const quits = !isHost && random() < QUITTER_SHARE;
    const leaves_s = quits ? start_s + (random() * SESSION_S) / 2 : end_s;
    player_s += leaves_s - (join_s - BROWSE_S);
    if (isNative) {
      if (random() < NEW_PLAYER_SHARE) add(join_s, "identity");
      add(join_s, isHost ? "create" : "join");
      add(join_s, isHost ? "host_socket" : "socket");
      if (isHost) add(start_s, "patch");
      else add(start_s, "connect");
      for (let chat = 0; chat < CHATS_PER_PLAYER; chat++) add(start_s + random() * SESSION_S, "chat");
      add(join_s, "ping", Math.floor((leaves_s - join_s) / PING_S));
      add(leaves_s, random() < 0.5 ? "leave" : "drop");
    } else {
      add(join_s, isHost ? "wire_host" : "wire_join");
      if (isHost) add(start_s, "wire_start");
      // Wires introduce the members and then forget the lobby: who quits a running game says nothing to the hub.
      add(start_s + 1, "wire_confirm");
      if (isHost) add(start_s + 4, "wire_end");
    }
  }
  return { actions, player_s };
}

function browse(from_s: number, random: Random, add: Add): void {
  if (random() < WATCHER_SHARE) {
    add(from_s, "watch");
    return add(from_s, "ping", BROWSE_S / PING_S);
  }
  for (let at_s = 0; at_s < BROWSE_S; at_s += POLL_S) add(from_s + at_s, "list");
}
