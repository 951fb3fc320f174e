/** Checks the hub from outside: HTTP, certificate, clock, version, storage, WebSockets, and the sidecars' key. */
import { connect } from "node:tls";
import { CLOCK_SKEW_MS } from "#shared/limits.ts";
import { VERSION } from "#shared/version.ts";
import { type Finding, fault, formatSkew, note, ok } from "./finding.ts";
import { canOpenWebSocket } from "./websocket.ts";

const TIMEOUT_MS = 10_000;
const DAY_MS = 86_400_000;
/** Renewal usually starts 30 days before expiry, so with less than this it has failed repeatedly. */
const EXPIRES_SOON_DAYS = 14;

export type HubTarget = { readonly url: URL; readonly game: string; readonly key: string | undefined };

/** Stops at the first fault of the connection, because every further check would report the same. */
export async function checkHub(hub: HubTarget): Promise<Finding[]> {
  const certificate = hub.url.protocol === "https:" ? [await checkCertificate(hub.url)] : [];
  if (certificate.some(({ state }) => state === "fault")) return certificate;
  const response = await get(new URL("/healthz", hub.url));
  if (response === null) return [...certificate, unreachable(hub.url)];
  const found = [...certificate, checkHealth(hub.url, response)];
  if (found.some(({ state }) => state === "fault")) return found;
  found.push(checkClock(response), checkVersion(response));
  return [...found, await checkReadiness(hub), await checkWebSocket(hub), await checkKey(hub)];
}

type HubResponse = { readonly status: number; readonly body: string; readonly date: string; readonly took_ms: number };

async function get(url: URL, headers: Record<string, string> = {}): Promise<HubResponse | null> {
  const began = performance.now();
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS), redirect: "manual" });
    const body = await response.text();
    const took_ms = Math.round(performance.now() - began);
    return { status: response.status, body, date: response.headers.get("date") ?? "", took_ms };
  } catch {
    return null;
  }
}

const unreachable = (url: URL): Finding =>
  fault(
    "hub",
    `nothing answers at ${url.origin}`,
    "start the hub, or correct --hub; then check its proxy and firewall",
  );

function checkHealth({ origin }: URL, { status, body, took_ms }: HubResponse): Finding {
  return status === 200 && isJson(body) && "ok" in (JSON.parse(body) as object)
    ? ok("hub", `${origin} answers in ${took_ms} ms`)
    : fault("hub", `${origin} answers ${status}, which is not a hub's response`, "see the log of the proxy in front");
}

function checkClock({ date }: HubResponse): Finding {
  const hub_ms = Date.parse(date);
  if (Number.isNaN(hub_ms)) return note("clock", "the hub's response has no Date header");
  const skew_s = Math.round((Date.now() - hub_ms) / 1_000);
  if (Math.abs(skew_s) * 1_000 <= CLOCK_SKEW_MS)
    return ok("clock", `within ${Math.max(1, Math.abs(skew_s))} s of the hub's`);
  return fault(
    "clock",
    `this machine is ${formatSkew(skew_s)} the hub: tokens and certificates are checked by clocks`,
    "turn on NTP where the clock is wrong: `timedatectl set-ntp true`",
  );
}

function checkVersion({ body }: HubResponse): Finding {
  const { version } = JSON.parse(body) as { version?: string };
  if (version === VERSION) return ok("version", `hub and doctor are ${version}`);
  return note(
    "version",
    `the hub is ${version ?? "older than 0.1.0"}, this doctor is ${VERSION}`,
    "one minor version of difference is supported; upgrade the older one",
  );
}

async function checkReadiness({ url }: HubTarget): Promise<Finding> {
  const response = await get(new URL("/readyz", url));
  if (response?.status === 200) return ok("hub's storage", "a Durable Object starts and reads its rows");
  const cause = response === null ? "no response" : `${response.status} ${detailOf(response.body)}`.trim();
  const next = /storage/.test(cause)
    ? "free disk space in the folder HUB_STATE; nothing has to be restarted"
    : "correct the settings of the hub that this names, and see its log";
  return fault("hub's storage", `it is not ready: ${cause}`, next);
}

async function checkWebSocket({ url, game }: HubTarget): Promise<Finding> {
  const target = new URL(`/v1/games/${game}/events`, url);
  target.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (await canOpenWebSocket(target, "parley.v1")) return ok("WebSocket", `${target.pathname} opens`);
  return fault(
    "WebSocket",
    "it does not open, so sidecars and subscribers cannot connect",
    "let the proxy forward `Upgrade: websocket`, as in deploy/hub/nginx.conf",
  );
}

async function checkKey({ url, game, key }: HubTarget): Promise<Finding> {
  if (key === undefined) return note("key", "not checked", "set PARLEY_KEY to check it");
  const response = await get(new URL(`/v1/link/${game}/0`, url), { authorization: `Bearer ${key}` });
  if (response?.status === 426) return ok("key", "the hub accepts it");
  if (response?.status === 401) {
    return fault("key", "the hub refuses it", "set PARLEY_KEY of the sidecar to one of the hub's SIDECAR_KEYS");
  }
  if (response?.status === 404) {
    return fault("key", `the hub does not serve the game ${game}`, "add it to the hub's GAMES, or correct --game");
  }
  return fault("key", `the hub responds with ${response?.status ?? "nothing"}`, "see the hub's log");
}

/** Connects without verification, so that an invalid certificate can be described. */
function checkCertificate({ hostname, port }: URL): Promise<Finding> {
  const host = hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve) => {
    const servername = /^[0-9.]+$|:/.test(host) ? {} : { servername: host };
    const socket = connect({ host, port: Number(port || 443), rejectUnauthorized: false, ...servername }, () => {
      const { valid_to } = socket.getPeerCertificate();
      // At run time this is the text of an error code, although its type is Error.
      const error = socket.authorized ? "" : String(socket.authorizationError);
      socket.destroy();
      resolve(checkExpiry(error, valid_to));
    });
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("no response")));
    socket.on("error", ({ message }) =>
      resolve(fault("hub", `TLS with ${host} fails: ${message}`, "start the hub's proxy, or correct --hub")),
    );
  });
}

function checkExpiry(error: string, valid_to: string): Finding {
  const left_days = Math.floor((Date.parse(valid_to) - Date.now()) / DAY_MS);
  if (/EXPIRED/.test(error)) {
    return fault("certificate", `it expired on ${valid_to}`, "renew it: `certbot renew`, or restart Caddy");
  }
  if (error !== "") {
    return fault(
      "certificate",
      `it is not trusted (${error})`,
      "serve a certificate for this name with its whole chain",
    );
  }
  return left_days >= EXPIRES_SOON_DAYS
    ? ok("certificate", `valid for ${left_days} days`)
    : note(
        "certificate",
        `it expires in ${left_days} days`,
        "find out why it is not renewed: `certbot renew --dry-run`",
      );
}

/** The detail of a problem document (RFC 9457), or the text itself. */
function detailOf(body: string): string {
  const detail = isJson(body) ? (JSON.parse(body) as { detail?: unknown }).detail : undefined;
  return typeof detail === "string" ? detail : body.slice(0, 200);
}

const isJson = (text: string): boolean => {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
};
