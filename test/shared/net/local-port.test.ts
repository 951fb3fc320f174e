/** Local ports as one number, and plaintext events that claim to be of a member under DTLS: all are ignored. */
import { describe, expect, test } from "vitest";
import { decodeLocalPort, encodeLocalPort, isDtls, VIA_MAX } from "#shared/net/local-port.ts";
import { step } from "#shared/lobby/step.ts";
import {
  after,
  renews,
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

const withDtls = (port: number): number => encodeLocalPort({ port, dtls: true });
const under = (source: typeof HOME.Alice) => ({ ...source, via: withDtls(source.via) });

test.each([1, 3_478, 65_535])("port %i and its DTLS flag survive encoding as one number", (port) => {
  for (const dtls of [false, true]) {
    const via = encodeLocalPort({ port, dtls });
    expect([decodeLocalPort(via), isDtls(via)]).toStrictEqual([{ port, dtls }, dtls]);
    expect(via).toBeLessThanOrEqual(VIA_MAX);
  }
});

describe("a member under DTLS", () => {
  const lobby = after(after(lobbyOf(["Alice"], { source: under(HOME.Alice) }), joins("Bob")), joins("Carol"));
  const moved = (via: number) => ({ kind: "moved", peer: "Alice", source: { ...from(1, 7_001), via } }) as const;

  test.each([
    ["starts", starts()],
    ["kicks", kicks("Bob")],
    ["leaves", leaves("Alice")],
    ["asks", renews("Alice")],
    ["hosts again", hosts("Alice")],
    ["joins again", joins("Alice")],
    ["joins from another port of its address", joins("Alice", { source: from(1, 7_001), reclaims: true })],
    ["moves", moved(3_478)],
  ])("ignores a plaintext event that %s in its name", (_, event) => {
    expect(step(lobby, event, T0 + 1)).toStrictEqual({ lobby, notices: [] });
  });

  test("acts by events under DTLS", () => {
    expect(step(lobby, starts(under(HOME.Alice)), T0 + 1).lobby).toMatchObject({ state: "started" });
    expect(peersOf(step(lobby, kicks("Bob", under(HOME.Alice)), T0 + 1).lobby)).toStrictEqual(["Alice", "Carol"]);
    const there = step(lobby, moved(withDtls(3_478)), T0 + 1).lobby?.members[0]?.source;
    expect(there).toStrictEqual(under(from(1, 7_001)));
  });

  test("does not restrict the other members", () => {
    expect(peersOf(step(lobby, leaves("Bob"), T0 + 1).lobby)).toStrictEqual(["Alice", "Carol"]);
    expect(step(lobby, joins("Alice", { source: HOME.Eve }), T0 + 1).notices).toStrictEqual([
      { to: "requester", notice: { kind: "refused", code: "name_in_use" } },
    ]);
  });
});

test("a member that spoke plaintext may switch to DTLS and cannot switch back", () => {
  const lobby = after(lobbyOf(["Alice", "Bob"]), renews("Bob", under(HOME.Bob)));
  expect(lobby.members[1]!.source).toStrictEqual(under(HOME.Bob));
  expect(step(lobby, leaves("Bob"), T0).lobby).toBe(lobby);
});
