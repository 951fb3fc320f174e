/** Verifies tickets of `GetAuthTicketForWebApi` by Steam's Web API (ISteamUserAuth/AuthenticateUserTicket/v1). */
import { PROVIDER_TIMEOUT_MS } from "#shared/limits.ts";
import type { SteamProvider } from "#shared/settings/identity.ts";
import type { Verified } from "./verified.ts";

const STEAM = "https://partner.steam-api.com";

type Answer = { readonly response?: { readonly params?: { readonly result?: unknown; readonly steamid?: unknown } } };

export async function verifySteamTicket(
  { app_id, web_api_key, api_url = STEAM }: SteamProvider,
  ticket: string,
): Promise<Verified> {
  if (!/^([0-9a-f]{2})+$/i.test(ticket)) return { refused: "identity_invalid" };
  const query = new URLSearchParams({ key: web_api_key, appid: String(app_id), ticket, identity: "parley" });
  const url = `${api_url.replace(/\/$/, "")}/ISteamUserAuth/AuthenticateUserTicket/v1/?${query.toString()}`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROVIDER_TIMEOUT_MS), redirect: "manual" });
    if (!response.ok) throw new Error(`Steam answers ${response.status}`);
    const { params } = (await response.json<Answer>()).response ?? {};
    const { result, steamid } = params ?? {};
    if (result !== "OK" || typeof steamid !== "string" || !/^[0-9]{1,20}$/.test(steamid))
      return { refused: "identity_invalid" };
    return { subject: steamid };
  } catch (error) {
    // Its text could contain the URL, and that the key.
    console.error({ message: "Steam's Web API is unavailable", error: (error as Error).name });
    return { refused: "identity_unavailable" };
  }
}
