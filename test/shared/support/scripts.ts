/** Scripts of events, and a check of every step. */
import * as fc from "../../support/fc.ts";
import { step } from "#shared/lobby/step.ts";
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import type { Transition } from "#shared/lobby/notices.ts";
import { T0 } from "./lobbies.ts";

export type Act = { readonly event: Event; readonly wait_ms: number };
export type Moment = Transition & { readonly before: Lobby | null; readonly event: Event; readonly now: number };

/** Plays a script, starting without a lobby. Every created lobby gets a distinct id. */
export function* play(script: readonly Act[]): Generator<Moment> {
  let lobby: Lobby | null = null;
  let now = T0;
  for (const [at, act] of script.entries()) {
    now += act.wait_ms;
    const event: Event = act.event.kind === "host" ? { ...act.event, id: `0-${at}` } : act.event;
    const before: Lobby | null = lobby;
    const stepped: Transition = step(before, event, now);
    yield { ...stepped, before, event, now };
    lobby = stepped.lobby;
  }
}

export function holdIn(scripts: fc.Arbitrary<readonly Act[]>, holds: (moment: Moment) => void): void {
  const property = fc.property(scripts, (script) => {
    for (const moment of play(script)) holds(moment);
  });
  fc.assert(property, { numRuns: 400 });
}

export const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
