/** The lobbies of wires cannot take all places of a hub: anyone can forge their hosts. */
import { expect, test, vi } from "vitest";
import { LOBBIES_PER_HUB_MAX, WIRE_LOBBIES_PER_HUB_MAX } from "#shared/limits.ts";
import { NATIVE_POLICY } from "#shared/lobby/join.ts";
import type { Event, Wire } from "#shared/lobby/lobby.ts";
import { LobbyIndex, LobbyTransaction } from "../../../worker/hub/lobby-index.ts";

const hosting = (wire: Wire): Event => ({
  kind: "host",
  id: "id",
  wire,
  name: "Nice",
  policy: NATIVE_POLICY,
  seats: 4,
  password_digest: null,
  peer: "Alice",
  memory: null,
  source: { sidecar: "north", via: 5_000, endpoint: { address: "192.0.2.1", port: 5_001 } },
});

/** Whether a lobby of this wire is created in a hub that holds so many. */
function isCreated(wire: Wire, size: number): boolean {
  vi.spyOn(LobbyIndex.prototype, "size", "get").mockReturnValue(size);
  const draft = new LobbyTransaction(new LobbyIndex([]), 0);
  draft.apply(wire, "Nice", hosting(wire));
  return draft.lobbies.size === 1;
}

test.each(["rabid", "dowsett", "noray"] as const)(
  "a full share of the wires refuses %s, and HTTP still has room",
  (wire) => {
    expect(isCreated(wire, WIRE_LOBBIES_PER_HUB_MAX - 1)).toBe(true);
    expect(isCreated(wire, WIRE_LOBBIES_PER_HUB_MAX)).toBe(false);
    expect(isCreated("native", WIRE_LOBBIES_PER_HUB_MAX)).toBe(true);
    expect(isCreated("native", LOBBIES_PER_HUB_MAX)).toBe(false);
  },
);
