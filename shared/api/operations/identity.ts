/** The HTTP operations of a peer's own identity, and the public keys of membership proofs. */
import { jwks, me, tokens } from "../identity.ts";
import { GAME, type Operations } from "./operation.ts";

export const IDENTITY_OPERATIONS: Operations = {
  [`${GAME}/peers/me`]: {
    get: {
      id: "readMe",
      tag: "identity",
      summary: "Returns the peer's seats, its ban where it has one, and its limits.",
      auth: "peer",
      rateLimit: "read",
      responses: { 200: { description: "The peer itself.", body: me } },
    },
  },
  [`${GAME}/peers/me/tokens`]: {
    post: {
      id: "renewTokens",
      tag: "identity",
      summary: "Issues new tokens for the same peer. Seats stay; the old tokens stay valid until they expire.",
      auth: "peer",
      rateLimit: "peers",
      responses: { 201: { description: "The tokens are secret.", body: tokens, headers: ["Location"] } },
      refusals: ["banned"],
      notReplayable: true,
    },
  },
  "/.well-known/jwks.json": {
    get: {
      id: "jwks",
      tag: "identity",
      summary: "The public keys with which hosts verify the proofs of members (RFC 7517).",
      auth: "none",
      responses: { 200: { description: "The keys, the signing one first.", body: jwks } },
    },
  },
};
