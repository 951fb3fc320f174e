/**
 * The peer id of a proved identity: an HMAC of provider and subject. So the same user has the same id after a new
 * installation, in one game, and the id reveals neither the user nor its ids in other games.
 */
import type { IdentityProof } from "#shared/api/identity.ts";
import { type GameIdentity } from "#shared/settings/identity.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import { verifyIdToken } from "./oidc.ts";
import { verifySteamTicket } from "./steam.ts";

/** As long as a random id. */
const ID_LENGTH = 26;

export type ProvedPeer = { readonly peer: string } | { readonly refused: RefusalCode };

export async function provedPeer(
  { providers }: GameIdentity,
  { game, key }: { readonly game: string; readonly key: string },
  proof: IdentityProof,
  now: number,
): Promise<ProvedPeer> {
  const provider = providers.find(({ name }) => name === proof.provider);
  if (provider === undefined) return { refused: "identity_invalid" };
  const verified =
    provider.kind === "steam"
      ? await verifySteamTicket(provider, proof.token)
      : await verifyIdToken(provider, proof.token, now);
  if ("refused" in verified) return verified;
  return { peer: await durableId(key, [game, provider.kind, issuerOf(provider), verified.subject]) };
}

/** What the subject is unique in. The name of a provider may change. */
const issuerOf = (provider: GameIdentity["providers"][number]): string =>
  provider.kind === "steam" ? "steam" : provider.issuer;

async function durableId(key: string, parts: readonly string[]): Promise<string> {
  const hmac = await crypto.subtle.importKey("raw", bytes(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const digest = new Uint8Array(
    await crypto.subtle.sign("HMAC", hmac, bytes(JSON.stringify(["parley peer 1", ...parts]))),
  );
  return Array.from(digest.subarray(0, ID_LENGTH), (byte) => (byte & 31).toString(32)).join("");
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
