/** Players of a town with the TypeScript client. */
import type { Host } from "./lab.ts";
import type { Program } from "./program.ts";
import type { Town } from "./town.ts";

export const PATIENCE = { within_ms: 20_000 };

export type Player = { readonly id: string; readonly lobby: string; readonly program: Program };

/** Joins the lobby, or hosts one. */
export async function playerAt(town: Town, host: Host, lobby?: string): Promise<Player> {
  const program = await host.run("connect-peer.ts", [town.house.url, ...(lobby === undefined ? [] : [lobby])]);
  const said = await program.line((line) => "id" in line, PATIENCE);
  return { id: String(said["id"]), lobby: String(said["lobby"]), program };
}
