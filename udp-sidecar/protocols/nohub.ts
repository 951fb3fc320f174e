/**
 * The nohub wire: the lobby list of games with the netfox addons, over TCP. Its framing is trimsock (trimsock.ts).
 *
 *     client                                              sidecar
 *        | == session/set-game?1 GAME ======================> |
 *        | <= .1 ok ========================================= |
 *        | == lobby/create?2 noray://HOST:PORT/OID name=... => |   the lobby is in the list from now on
 *        | <= .2 LOBBY name=... ============================= |
 *        | == lobby/list?3 =================================> |
 *        | <= |3 LOBBY [locked] [hidden] name=... =========== |   one line per lobby
 *        | <= |3 ============================================ |   the end of the list
 *        | == lobby/join?4 LOBBY ===========================> |
 *        | <= .4 ADDRESS ==================================== |
 *        | <= !4 NAME "MESSAGE" ============================= |   an error of request 4
 *
 * Clients wait for every answer without a timeout, so the sidecar answers each request at once, from its own copy of the
 * list. See docs/reference/wires/nohub.md.
 */
import type { Policy } from "#shared/lobby/lobby.ts";
import { formatCommand, type TrimsockCommand } from "./trimsock.ts";
import type { ConnectionSide, ReportBody, Wire } from "./wire.ts";

export const POLICY: Policy = {
  // The sidecar ends a lobby when its host's connection has been closed for too long.
  lease_ms: null,
  lifetime_ms: null,
  // No lobby starts on this wire, so these two are never used.
  started_keep_ms: 1,
  confirmed_keep_ms: 1,
  listed: true,
  tethered: true,
};

/** The wire of the exchange: members have a connection and send no datagrams. */
export const nohub = (connections: ConnectionSide): Wire => ({
  name: "nohub",
  claims: () => false,
  handleDatagram: () => ({ do: "drop", why: "unclaimed" }),
  encodeNotice: () => ({ datagrams: [] }),
  encodeAnswer: () => [],
  connections,
});

export const hostReport = (name: string, secret: string): ReportBody => ({
  kind: "host",
  name,
  peer: name,
  seats: null,
  lock: null,
  memory: secret,
  policy: POLICY,
});

// --- requests --------------------------------------------------------------------------------------------------

export type LobbyAction = "lock" | "unlock" | "hide" | "publish" | "delete";

export type Request =
  | { readonly do: "whereami" }
  | { readonly do: "set-game"; readonly game: string }
  | { readonly do: "create"; readonly uri: string; readonly data: ReadonlyMap<string, string> }
  | { readonly do: "get"; readonly lobby: string; readonly keys: ReadonlySet<string> }
  | { readonly do: "list"; readonly keys: ReadonlySet<string> }
  | { readonly do: "join"; readonly lobby: string }
  | { readonly do: "set-data"; readonly lobby: string; readonly data: ReadonlyMap<string, string> }
  | { readonly do: LobbyAction; readonly lobby: string };

export type ErrorName =
  | "DataNotFoundError"
  | "InvalidCommandError"
  | "LimitError"
  | "LockedError"
  | "UnauthorizedError"
  | "UnknownCommandError";

/** An error that the client receives: a name for programs, and a sentence. */
export class NohubError extends Error {
  override readonly name: ErrorName;

  constructor(name: ErrorName, message: string) {
    super(message);
    this.name = name;
  }
}

export const notFound = (lobby: string): NohubError => new NohubError("DataNotFoundError", `Lobby#${lobby} not found!`);

const ACTIONS: readonly LobbyAction[] = ["lock", "unlock", "hide", "publish", "delete"];

/** Throws the NohubError that the client receives. */
export function parseRequest({ name, request, params, pairs }: TrimsockCommand): Request {
  const [first = ""] = params;
  const needId = (message: string): string => {
    if (first === "") throw new NohubError("InvalidCommandError", message);
    return first;
  };
  if (name === "whereami") return { do: "whereami" };
  const action = ACTIONS.find((word) => name === `lobby/${word}`);
  if (action === undefined && !NAMES.has(name)) {
    throw new NohubError("UnknownCommandError", `Unknown command: ${name}`);
  }
  if (request === null) throw new NohubError("InvalidCommandError", "Command must be a request!");
  if (action !== undefined) return { do: action, lobby: needId("Missing lobby ID!") };
  switch (name) {
    case "session/set-game":
      return { do: "set-game", game: needId("Missing Game ID!") };
    case "lobby/create":
      return { do: "create", uri: needId("Missing lobby address!"), data: pairs };
    case "lobby/get":
      return { do: "get", lobby: needId("Missing lobby ID!"), keys: new Set(params.slice(1)) };
    case "lobby/list":
      return { do: "list", keys: new Set(params) };
    case "lobby/join":
      // Without an id there is no such lobby.
      return { do: "join", lobby: first };
    default:
      return { do: "set-data", lobby: needId("Missing lobby ID!"), data: pairs };
  }
}

const NAMES = new Set(["session/set-game", "lobby/create", "lobby/get", "lobby/list", "lobby/join", "lobby/set-data"]);

// --- answers ---------------------------------------------------------------------------------------------------

export type LobbyLine = {
  readonly id: string;
  readonly locked: boolean;
  readonly hidden: boolean;
  readonly data: ReadonlyMap<string, string>;
};

export const formatOk = (request: string): string => formatCommand(`.${request}`, ["ok"]);
export const formatAddress = (request: string, address: string): string => formatCommand(`.${request}`, [address]);
export const formatEndOfList = (request: string): string => formatCommand(`|${request}`);

/** A lobby with all of its data, or with these keys. */
export function formatLobby(head: string, { id, locked, hidden, data }: LobbyLine, keys: ReadonlySet<string>): string {
  const flags = [...(locked ? ["locked"] : []), ...(hidden ? ["hidden"] : [])];
  // The addon misreads a pair without a value.
  const pairs = [...data].filter(([key, value]) => value !== "" && (keys.size === 0 || keys.has(key)));
  return formatCommand(head, [id, ...flags], pairs);
}

export const formatWhereAmI = (request: string | null, address: string): string =>
  formatCommand(request === null ? "youarehere" : `.${request}`, [address]);

export const formatError = (request: string | null, { name, message }: NohubError): string =>
  formatCommand(request === null ? "error" : `!${request}`, [name, message]);
