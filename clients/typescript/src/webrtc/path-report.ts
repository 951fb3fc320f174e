/** The path that ICE selected, from the statistics of a connection. */

import type { Connection, Stats } from "./engine.ts";

export type SelectedPath = { readonly path: "direct" | "relay"; readonly rtt_ms: number | null };

/** null: no pair of candidates is selected yet. */
export async function selectedPath(connection: Connection): Promise<SelectedPath | null> {
  const stats = new Map<string, Stats>();
  (await connection.getStats()).forEach((one: Stats) => stats.set(one.id, one));
  const all = [...stats.values()];
  const transport = all.find(({ type }) => type === "transport");
  const id = transport?.["selectedCandidatePairId"];
  // Firefox marks the pair instead.
  const pair = typeof id === "string" ? stats.get(id) : all.find(({ selected }) => selected === true);
  if (pair === undefined) return null;
  const types = [pair["localCandidateId"], pair["remoteCandidateId"]].map(
    (one) => stats.get(String(one))?.["candidateType"],
  );
  const rtt_s = pair["currentRoundTripTime"];
  return {
    path: types.includes("relay") ? "relay" : "direct",
    rtt_ms: typeof rtt_s === "number" ? Math.round(rtt_s * 1_000) : null,
  };
}
