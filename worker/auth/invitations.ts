/** Invitations: a ticket by which a member consents to a connection in advance. */
import type { Env } from "../env.ts";
import { verify } from "./tokens.ts";

/** Whether the ticket is the host's invitation to this lobby. */
export async function isInvited(
  env: Env,
  ticket: string | undefined,
  { game, lobby, host }: { readonly game: string; readonly lobby: string; readonly host: string },
  now: number,
): Promise<boolean> {
  if (ticket === undefined) return false;
  const verified = await verify(env, ticket, now);
  return verified?.purpose === "invite" && verified.game === game && verified.lobby === lobby && verified.peer === host;
}
