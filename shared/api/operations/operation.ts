/** What an entry of the operation tables is, and the parameters, responses and refusals that several entries share. */
import * as api from "../lobbies.ts";
import { type Decoder, integer, text } from "../../schema/decode.ts";
import { PAGE_MAX } from "../../limits.ts";
import type { RefusalCode } from "../../refusals.ts";
import type { Role } from "../../settings/operator-keys.ts";
import type { RateLimitClass } from "../../rate-limit/rate-limiter.ts";

export type Parameter = {
  readonly in: "query" | "header";
  readonly name: string;
  readonly description: string;
  readonly decoder: Decoder<unknown>;
  /** An object, with a parameter for each property: `?name[property]=value`. */
  readonly deep?: true;
};

export type ResponseSpec = {
  readonly description: string;
  /** Absent: no body, or one that is not JSON. */
  readonly body?: Decoder<unknown>;
  /** Media type of a body that is not JSON. */
  readonly type?: string;
  readonly headers?: readonly HeaderName[];
};

export type HeaderName = "ETag" | "Link" | "Location";

export type Operation = {
  readonly id: string;
  readonly tag: "identity" | "lobbies" | "members" | "messages" | "connections" | "events" | "service" | "operators";
  readonly summary: string;
  /** Whose token or key the request carries. `optional`: a peer token is used where it is sent. */
  readonly auth: "none" | "optional" | "peer" | "operator" | "sidecar";
  /** The role that an operator's key needs; `own` if absent. */
  readonly role?: Role;
  /** Another credential that is accepted instead. */
  readonly alternativeAuth?: "noray";
  readonly rateLimit?: RateLimitClass;
  readonly parameters?: readonly Parameter[];
  readonly body?: Decoder<unknown>;
  /** A request body that is not JSON. */
  readonly binary?: { readonly type: string; readonly bytes_max: number };
  readonly responses: { readonly [status: number]: ResponseSpec };
  readonly refusals?: readonly RefusalCode[];
  /** The operation will be removed; responses say so (RFC 9745, RFC 8594). */
  readonly deprecated?: Deprecation;
  /** A POST without idempotency key: its response is secret and must not be stored. */
  readonly notReplayable?: true;
};

export type Deprecation = {
  /** The day from which clients should not use it, like 2027-01-31. */
  readonly since: string;
  /** The first day on which it may be gone. */
  readonly sunset?: string;
  /** A page that names the replacement. */
  readonly link: string;
};

/** `Deprecation` as a structured date, `Sunset` as an HTTP date, and `Link` to the replacement. */
export function deprecationHeaders({ since, sunset, link }: Deprecation): Record<string, string> {
  return {
    deprecation: `@${Date.parse(`${since}T00:00:00Z`) / 1_000}`,
    link: `<${link}>; rel="deprecation"; type="text/html"`,
    ...(sunset !== undefined && { sunset: new Date(`${sunset}T00:00:00Z`).toUTCString() }),
  };
}

export type Method = "get" | "post" | "put" | "patch" | "delete";
export type Operations = Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>>>>;

export const query = (name: string, description: string, decoder: Decoder<unknown>): Parameter => ({
  in: "query",
  name,
  description,
  decoder,
});
export const deepQuery = (name: string, description: string, decoder: Decoder<unknown>): Parameter => ({
  ...query(name, description, decoder),
  deep: true,
});
export const header = (name: string, description: string, decoder: Decoder<unknown>): Parameter => ({
  in: "header",
  name,
  description,
  decoder,
});

export const IF_NONE_MATCH = header(
  "If-None-Match",
  "The ETag of a cached response; 304 if it is current.",
  text(1_024),
);
export const IF_MATCH = header("If-Match", "The ETag that was read; 412 if the lobby has changed since.", text(1_024));
export const LIMIT = query(
  "limit",
  `Lobbies per page; above ${PAGE_MAX} counts as ${PAGE_MAX}.`,
  integer(1, 999_999_999),
);
export const CURSOR = query("cursor", "`next_cursor` of the previous page.", text(512));

export const NO_CONTENT: ResponseSpec = { description: "Done." };
export const NOT_MODIFIED: ResponseSpec = { description: "The cached response is current.", headers: ["ETag"] };
export const LOBBY: ResponseSpec = {
  description: "The lobby, as its reader may see it.",
  body: api.lobby,
  headers: ["ETag"],
};
export const JOINED: ResponseSpec = {
  description: "The peer is a member.",
  body: api.joined,
  headers: ["ETag", "Location"],
};
export const JOIN_RESPONSES: Readonly<Record<200 | 201 | 202, ResponseSpec>> = {
  200: { ...JOINED, description: "The peer was a member already." },
  201: JOINED,
  202: { description: "The peer waits for the host to admit it.", body: api.pendingJoin, headers: ["Location"] },
};

export const LOBBY_GONE: readonly RefusalCode[] = ["lobby_not_found"];
export const JOIN_REFUSALS: readonly RefusalCode[] = [
  "lobby_not_found",
  "lobby_full",
  "lobby_closed",
  "name_in_use",
  "password_mismatch",
  "version_mismatch",
  "no_common_path",
  "kicked",
  "not_admitted",
  "too_many_applicants",
  "foreign_wire",
  "data_limit",
  "quota_exceeded",
  "banned",
];
export const CREATE_REFUSALS: readonly RefusalCode[] = [
  "data_limit",
  "quota_exceeded",
  "hub_full",
  "banned",
  "draining",
];
export const HOST_ONLY: readonly RefusalCode[] = ["not_host", "stale_term", "foreign_wire", ...LOBBY_GONE];

export const GAME = "/v1/games/{game}";
export const ONE_LOBBY = `${GAME}/lobbies/{id}`;
