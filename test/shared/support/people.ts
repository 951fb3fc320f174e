/** Events of HTTP peers in a native lobby. lobbies.ts has the events of peers behind a sidecar. */
import { NATIVE_POLICY } from "#shared/lobby/join.ts";
import { step } from "#shared/lobby/step.ts";
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import { after, still, T0 } from "./lobbies.ts";

type Hosting = Event & { kind: "host" };
type Joining = Event & { kind: "join" };

export const opens = (peer: string, parts: Partial<Hosting> = {}): Hosting => ({
  kind: "host",
  id: "0-bbbbbbbbbbbbbbbbbbbbbbbbbb",
  wire: "native",
  name: "0-bbbbbbbbbbbbbbbbbbbbbbbbbb",
  policy: NATIVE_POLICY,
  seats: 4,
  password_digest: null,
  peer,
  memory: null,
  source: null,
  code: "ABCDEF",
  ...parts,
});

export const enters = (peer: string, parts: Partial<Joining> = {}): Joining => ({
  kind: "join",
  peer,
  password_digest: null,
  memory: null,
  reclaims: false,
  source: null,
  ...parts,
});

export const isAlive = (peer: string): Event => ({ kind: "heartbeat", peer, source: null });
export const timesOut = (peer: string): Event => ({ kind: "silent", peer });
export const goes = (peer: string): Event => ({ kind: "leave", peer, source: null });
export const expels = (by: string, peer: string, ban = false): Event => ({
  kind: "kick",
  by,
  peer,
  source: null,
  ban,
});
export const changes = (by: string, said: (Event & { kind: "patch" })["changes"], ...expected: number[]): Event => ({
  kind: "patch",
  by,
  changes: said,
  ...(expected.length > 0 && { expected }),
});
export const transfersHost = (by: string, peer: string, expected_term: number): Event => ({
  kind: "transfer_host",
  by,
  peer,
  expected_term,
});
export const admits = (by: string, peer: string): Event => ({ kind: "admit", by, peer });
export const denies = (by: string, peer: string): Event => ({ kind: "deny", by, peer });

/** A native lobby at T0: the first peer hosts, the others joined in this order and sent a heartbeat. */
export function nativeLobbyOf(people: readonly [string, ...string[]], parts: Partial<Hosting> = {}): Lobby {
  const [host, ...others] = people;
  const made = still(step(null, opens(host, parts), T0));
  return others.reduce((lobby, peer) => after(after(lobby, enters(peer)), isAlive(peer)), made);
}
