/** Doors, and what of a member under DTLS may be said in clear: nothing. */
import { describe, expect, test } from "vitest";
import { DOOR_MAX, isSealed, portOf, sealed } from "#shared/net/local-port.ts";
import { step } from "#shared/lobby/step.ts";
import {
  after,
  asks,
  from,
  HOME,
  hosts,
  joins,
  kicks,
  leaves,
  lobbyOf,
  peersOf,
  starts,
  T0,
} from "../support/lobbies.ts";

const under = (source: typeof HOME.Alice) => ({ ...source, via: sealed(source.via) });

test.each([1, 3_478, 65_535])("a door says its port, %i, and whether it is sealed", (port) => {
  expect([isSealed(port), portOf(port)]).toStrictEqual([false, port]);
  expect([isSealed(sealed(port)), portOf(sealed(port))]).toStrictEqual([true, port]);
  expect(sealed(port)).toBeLessThanOrEqual(DOOR_MAX);
});

describe("a member who came under DTLS", () => {
  const lobby = after(after(lobbyOf(["Alice"], { source: under(HOME.Alice) }), joins("Bob")), joins("Carol"));
  const moved = (via: number) => ({ kind: "moved", peer: "Alice", source: { ...from(1, 7_001), via } }) as const;

  test.each([
    ["starts", starts()],
    ["kicks", kicks("Bob")],
    ["leaves", leaves("Alice")],
    ["asks", asks("Alice")],
    ["hosts again", hosts("Alice")],
    ["joins again", joins("Alice")],
    ["joins from elsewhere at his address", joins("Alice", { source: from(1, 7_001), reclaims: true })],
    ["moves", moved(3_478)],
  ])("is not believed when in clear he %s", (_, event) => {
    expect(step(lobby, event, T0 + 1)).toStrictEqual({ lobby, tells: [] });
  });

  test("is believed under DTLS", () => {
    expect(step(lobby, starts(under(HOME.Alice)), T0 + 1).lobby).toMatchObject({ state: "started" });
    expect(peersOf(step(lobby, kicks("Bob", under(HOME.Alice)), T0 + 1).lobby)).toStrictEqual(["Alice", "Carol"]);
    const there = step(lobby, moved(sealed(3_478)), T0 + 1).lobby?.members[0]?.source;
    expect(there).toStrictEqual(under(from(1, 7_001)));
  });

  test("leaves everybody else as free as before", () => {
    expect(peersOf(step(lobby, leaves("Bob"), T0 + 1).lobby)).toStrictEqual(["Alice", "Carol"]);
    expect(step(lobby, joins("Alice", { source: HOME.Eve }), T0 + 1).notices).toStrictEqual([
      { to: "requester", notice: { kind: "refused", code: "name_in_use" } },
    ]);
  });
});

test("who came in clear may go on under DTLS, and cannot go back", () => {
  const lobby = after(lobbyOf(["Alice", "Bob"]), asks("Bob", under(HOME.Bob)));
  expect(lobby.members[1]!.source).toStrictEqual(under(HOME.Bob));
  expect(step(lobby, leaves("Bob"), T0).lobby).toBe(lobby);
});
