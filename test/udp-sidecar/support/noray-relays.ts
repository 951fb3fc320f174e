/** A real relay for the noray sessions of a rig. */
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import * as numbers from "#shared/limits.ts";
import type { NorayOutput } from "../../../udp-sidecar/noray/session.ts";
import type { ObservedParty } from "../../../udp-sidecar/relay/allocation.ts";
import { Relay } from "../../../udp-sidecar/relay/relay.ts";
import type { Rig } from "../../support/exchange.ts";

const FAST = { per_s: 1e6, burst: 1e6 };
export const PUBLIC = "198.51.100.7";

/** A real relay behind a sidecar's noray sessions; its ports are counted from 49,152 on. */
export function relayAt(
  rig: Rig,
  sidecar = "north",
  { ports = 100, address = PUBLIC, side = FAST }: { ports?: number; address?: string | null; side?: Budget } = {},
): Relay {
  const free = Array.from({ length: ports }, (_, index) => 49_152 + index);
  const pool = { acquire: () => free.shift() ?? null, release: (port: number) => void free.push(port) };
  const limits = {
    side,
    source: FAST,
    game: FAST,
    slots_per_source_max: 100,
    bytes_max: 1e9,
    lifetime_ms: 1e9,
    idle_ms: numbers.RELAY_IDLE_S * 1_000,
    relatch_ms: numbers.RELAY_RELATCH_MS,
    special: true,
  };
  const relay = new Relay(limits, pool, () => false, rig.sidecar(sidecar).counters);
  Object.assign(rig.sidecar(sidecar).commands.out, {
    relay_address: address,
    peerMoved: (party: ObservedParty) => relay.peerMoved("game", party, rig.now),
    allocateRelay: (parties, purpose, { onLimited, onMapping }) => {
      const made = relay.allocate(
        {
          game: "game",
          parties,
          name: purpose,
          onNotice: (notice) => {
            if (notice.kind === "limited") onLimited(notice.reason);
            if (notice.kind === "latched") onMapping(notice.peer, notice.moved);
          },
        },
        rig.now,
      );
      return "ports" in made ? made.ports : null;
    },
  } satisfies Partial<NorayOutput>);
  return relay;
}
