/**
 * Two members that connect to each other: their reach, with receipts as sidecars sign them, and the events that they
 * get.
 */
import { env } from "cloudflare:workers";
import { connection, type ConnectionView, type Reach } from "#shared/connect/schema.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { receiptClaims, signReceipt } from "#shared/auth/receipts.ts";
import { ticketKeys } from "../../../worker/auth/tokens.ts";
import { vi } from "vitest";
import { fits, freeOfCharge, Player } from "./player.ts";
import { newGame } from "./sidecar.ts";
import { type Frame, EventsClient } from "./subscriber.ts";

type Home = {
  /** The public address, and the one in the local network. */
  readonly address: string;
  readonly local?: string;
  /** How the peer's router assigns ports. */
  readonly nat?: "cone" | "sequential" | "random" | "blocked";
  readonly seen_at?: number;
} & Partial<Reach>;

/** As a sidecar signs it. */
export async function receipt(game: string, peer: string, endpoint: Endpoint, at_ms = Date.now()): Promise<string> {
  const { id, secret } = (await ticketKeys(env))[0]!;
  const seen = { game, peer, endpoint, at_ms };
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const key = await crypto.subtle.importKey("raw", bytes(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const hmac = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes(receiptClaims(seen, id))));
  const text = btoa(String.fromCharCode(...hmac));
  return signReceipt(seen, id, () => text.replaceAll("+", "-").replaceAll("/", "_"));
}

const LOCAL_PORT = 40_000;
let sockets = 0;
/** What each router shows: two sidecar ports for the game's socket, and three new sockets to the first one. */
const SHOWN = {
  cone: [50_000, 50_000, 50_101, 50_202, 50_303],
  sequential: [50_000, 50_001, 50_002, 50_003, 50_004],
  random: [50_000, 23_456, 61_234, 1_111, 33_000],
  blocked: [],
} as const;

/** The player's reach, as it reports it, of another socket than before. */
export async function reachOf(player: Player, home: Home): Promise<Reach> {
  const { address, local = "192.168.1.10", nat = "cone", seen_at = Date.now(), ...parts } = home;
  const local_port = LOCAL_PORT + 10 * (sockets++ % 2_000);
  const looks = SHOWN[nat].map(async (port, at) => ({
    socket: at < 2 ? 0 : at,
    local_port: local_port + (at < 2 ? 0 : at),
    via: { address: address.includes(":") ? "2001:db8::9" : "198.51.100.9", port: at === 1 ? 3_479 : 3_478 },
    at_ms: 1_000 + at,
    receipt: await receipt(player.game, player.id, { address, port }, seen_at),
  }));
  return {
    looks: await Promise.all(looks),
    local_endpoints: [{ address: local, port: LOCAL_PORT }],
    now_ms: 1_104,
    rtt_ms: 40,
    ...parts,
  };
}

export type Pair = { readonly ann: Player; readonly bob: Player; readonly lobby: string };

/** Two members of one lobby in a new game. The clock is stopped, and there are no rate limits. */
export async function membersOfOneLobby(): Promise<Pair & { readonly game: string }> {
  const game = newGame();
  vi.useFakeTimers({ toFake: ["Date"] });
  freeOfCharge();
  const [ann, bob] = [await Player.of(game), await Player.of(game)];
  const { id: lobby } = await ann.hosts();
  await bob.enters(lobby);
  return { game, ann, bob, lobby };
}

/** Introduces the two at Ann's request and returns the connection. */
export async function meet({ ann, bob, lobby }: Pair, a: Home, b: Home): Promise<string> {
  const reach = await reachOf(ann, a);
  const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach });
  const { state } = await accepts(bob, connection_id, await reachOf(bob, b));
  if (state === "gathering") await accepts(ann, connection_id, reach);
  return connection_id;
}

/** A subscriber to the lobby. */
export async function watching(player: Player, lobby: string): Promise<EventsClient> {
  const subscriber = await EventsClient.greet(player.game, player.token, { lobby });
  await subscriber.ask("subscribe", { topic: "lobby", lobby_id: lobby });
  return subscriber;
}

export async function asksFor(player: Player, lobby: string, body: object): Promise<ConnectionView> {
  return fits(await player.ask("POST", `lobbies/${lobby}/connections`, { body }), 202, connection);
}

export async function reads(player: Player, id: string): Promise<ConnectionView> {
  return fits(await player.ask("GET", `connections/${id}`), 200, connection);
}

export async function accepts(player: Player, id: string, reach?: Reach): Promise<ConnectionView> {
  const body = reach === undefined ? {} : { reach };
  return fits(await player.ask("POST", `connections/${id}/accept`, { body }), 202, connection);
}

export async function reports(player: Player, id: string, body: object): Promise<void> {
  const response = await player.ask("PUT", `connections/${id}/outcome`, { body });
  if (response.status !== 204) throw new Error(`${response.status} ${await response.text()}`);
}

/** The outcome in words. */
export const courseOf = ({ timeline }: ConnectionView): string[] => timeline.map(({ event }) => event);

export const isMeeting = ({ type }: Frame): boolean => type.startsWith("connect.");

/** All unread connection events of a subscriber, by type. */
export const meetings = async (subscriber: EventsClient): Promise<string[]> =>
  (await subscriber.rest()).filter(isMeeting).map(({ type }) => type);
