/** Properties of the exchange under random requests, while time passes and links and sidecars fail. */
import { deepStrictEqual, ok } from "node:assert/strict";
import * as fc from "../../support/fc.ts";
import { expect, test } from "vitest";
import { formatEndpoint } from "#shared/net/endpoint.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { endpointOf, letterOf, Rig, type Sent, textOf } from "../../support/exchange.ts";

test("while the links are up, sidecars hold the hub's members, endpoints and replies", () => {
  checkProperty((rig) => {
    if (rig.cuts.size > 0) return;
    const known = SIDECARS.flatMap((name) =>
      Array.from(rig.sidecar(name).exchange.contacts.all(), (contact) => ({
        who: `${contact.name}/${contact.peer}`,
        where: `${name}/${contact.via}/${formatEndpoint(contact.endpoint)}`,
        host: contact.host,
        lease_ms: contact.lease_ms,
        answer: contact.renewal_reply.map((bytes) => textOf({ bytes })),
      })),
    );
    const held = rig.hub.directory.all().flatMap((lobby) =>
      lobby.members.map(({ peer, source }) => ({
        who: `${lobby.name}/${peer}`,
        where: `${source!.sidecar}/${source!.via}/${formatEndpoint(source!.endpoint)}`,
        host: lobby.host === peer,
        lease_ms: lobby.state === "open" ? 9_000 : null,
        answer: [answerOf(lobby, peer)],
      })),
    );
    deepStrictEqual(sorted(known), sorted(held));
  });
});

test("an address is sent only to the players of its session, and only after the start", () => {
  checkProperty((_, sent, ever) => {
    const allowed = new Set<string>();
    for (const { state, members } of ever) {
      for (const { peer, source } of state === "started" ? members : []) {
        allowed.add(`${letterOf(source!.endpoint)}< ${lineOf(members, peer)}`);
      }
    }
    for (const line of sent) {
      const text = `${letterOf(line.to)}< ${textOf(line)}`;
      if (text.includes("192.0.2.")) ok(allowed.has(text), text);
    }
  });
});

test("every datagram is a valid line of the wire", () => {
  const LINE =
    /^(i(:[A-Z])+|s:[0-9]+:([A-Z]:192\.0\.2\.[0-9]+:[0-9]+)(;[A-Z]:192\.0\.2\.[0-9]+:[0-9]+)*|error:[a-z_]+)$/;
  checkProperty((_, sent) => {
    for (const line of sent) ok(LINE.test(textOf(line)), textOf(line));
  });
});

test("the scripts reach every state that these properties name", () => {
  const seen = new Set<string>();
  for (const script of fc.sample(scripts, { numRuns: 300, seed: 7 })) {
    play(script, (rig, sent) => {
      for (const line of sent) seen.add(textOf(line).replace(/^([is]):.*/, "$1:"));
      for (const { state, members } of rig.hub.directory.all()) {
        if (state === "started") seen.add("started");
        if (new Set(members.map(({ source }) => source!.sidecar)).size > 1) seen.add("two sidecars");
        if (members.some((member) => member.away_since !== null)) seen.add("a member away");
        if (members.some(({ source }) => source!.endpoint.port > 6_000)) seen.add("a member moved");
      }
    });
  }
  const errors = [
    ["kicked_by_host", "non_existent_player", "non_host_player", "only_one_player_in_session", "player_exited_session"],
    ["player_name_in_use", "player_timeout", "session_exists", "session_full", "session_non_existent"],
    ["session_not_started"],
  ].flat();
  const wanted = [...errors.map((name) => `error:${name}`), "i:", "s:"];
  wanted.push("a member away", "a member moved", "started", "two sidecars");
  expect(wanted.filter((word) => !seen.has(word))).toStrictEqual([]);
});

// --- scripts ---------------------------------------------------------------------------------------------------

type Act =
  | {
      readonly do: "say";
      readonly player: string;
      readonly text: string;
      readonly sidecar: string;
      readonly via: number;
    }
  | { readonly do: "pass"; readonly duration_ms: number }
  | { readonly do: "cut" | "mend" | "restart"; readonly sidecar: string };

const SIDECARS = ["north", "south"];
const PLAYERS = ["A", "B", "C", "D"];

/** A player is named by a letter, and mostly sends for itself, through any sidecar. */
const player = fc.constantFrom(...PLAYERS);
const moved = fc.oneof({ weight: 12, arbitrary: fc.constant("") }, { weight: 1, arbitrary: fc.constant("'") });
const likes = fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const session = fc.oneof({ weight: 5, arbitrary: fc.constant("Nice") }, { weight: 1, arbitrary: fc.constant("Other") });
const letters = fc.constantFrom(...Array.from("hccccpppppppskxyy"));

const says: fc.Arbitrary<Act> = fc
  .tuple(player, moved, likes, session, letters, player)
  .map(([who, prime, strays, name, letter, whom]) => {
    const home = PLAYERS.indexOf(who) % 2;
    const about = letter === "k" ? whom : who;
    return {
      do: "say",
      player: who + prime,
      text: letter === "h" ? `h:${name}:${who}:3` : `${letter}:${name}:${about}`,
      sidecar: SIDECARS[strays ? 1 - home : home]!,
      via: strays ? 3_478 : 57_775,
    };
  });

const passes = fc
  .constantFrom(0, 10, 60, 100, 500, 500, 500, 2_100, 5_100, 10_000, 61_000, 900_000)
  .map((duration_ms): Act => ({ do: "pass", duration_ms }));

const troubles = fc
  .tuple(fc.constantFrom("cut", "mend", "mend", "restart"), fc.constantFrom(...SIDECARS))
  .map(([trouble, sidecar]): Act => ({ do: trouble, sidecar }));

const acts = fc.oneof(
  { weight: 14, arbitrary: says },
  { weight: 4, arbitrary: passes },
  { weight: 1, arbitrary: troubles },
);

/** Random requests seldom put several players into one session, so some scripts start there. */
const say = (who: string, text: string): Act => ({
  do: "say",
  player: who,
  text,
  sidecar: SIDECARS[PLAYERS.indexOf(who) % 2]!,
  via: 57_775,
});
const openings: readonly (readonly Act[])[] = [
  [],
  [say("A", "h:Nice:A:3"), say("B", "c:Nice:B")],
  [say("A", "h:Nice:A:3"), say("B", "c:Nice:B"), say("C", "c:Nice:C"), say("A", "s:Nice:A")],
];

const scripts = fc
  .tuple(fc.constantFrom(...openings), fc.array(acts, { minLength: 1, maxLength: 50, size: "max" }))
  .map(([opening, rest]) => [...opening, ...rest]);

type System = Rig & { readonly cuts: Set<string> };

/** The system after an act, what was sent during it, and every state that a lobby was in. */
type Holds = (rig: System, sent: readonly Sent[], ever: ReadonlySet<Lobby>) => void;

function play(script: readonly Act[], holds: Holds): void {
  const rig: System = Object.assign(new Rig(), { cuts: new Set<string>() });
  const ever = new Set<Lobby>();
  for (const act of script) {
    const sent = perform(rig, act);
    for (const lobby of rig.hub.directory.all()) ever.add(lobby);
    holds(rig, sent, ever);
  }
}

function perform(rig: System, act: Act): readonly Sent[] {
  switch (act.do) {
    case "say":
      return rig.send(endpointOf(act.player), act.text, { sidecar: act.sidecar, via: act.via });
    case "pass":
      return rig.advance(act.duration_ms);
    case "cut":
      if (!rig.cuts.has(act.sidecar)) rig.disconnect(act.sidecar);
      rig.cuts.add(act.sidecar);
      return [];
    case "mend":
      return rig.cuts.delete(act.sidecar) ? rig.reconnect(act.sidecar) : [];
    case "restart":
      rig.cuts.delete(act.sidecar);
      return rig.restart(act.sidecar);
  }
}

function checkProperty(holds: Holds): void {
  fc.assert(
    fc.property(scripts, (script) => play(script, holds)),
    { numRuns: 300 },
  );
}

/** What the hub expects as a member's renewal reply. */
const answerOf = (lobby: Lobby, peer: string): string =>
  lobby.state === "open" ? `i:${lobby.members.map((member) => member.peer).join(":")}` : lineOf(lobby.members, peer);

function lineOf(members: Lobby["members"], peer: string): string {
  const own = members.find((member) => member.peer === peer)!;
  const others = members.filter((member) => member !== own);
  return `s:${own.source!.endpoint.port}:${others.map((m) => `${m.peer}:${formatEndpoint(m.source!.endpoint)}`).join(";")}`;
}

const sorted = <T extends { readonly who: string }>(items: readonly T[]): T[] =>
  items.toSorted((a, b) => (a.who < b.who ? -1 : 1));
