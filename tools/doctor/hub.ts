/** The hub from outside: HTTP, its certificate, its clock, its readiness, WebSockets, and whether it takes a key. */
import { connect } from "node:tls";
import { CLOCK_SKEW_MS } from "#shared/limits.ts";
import { VERSION } from "#shared/version.ts";
import { type Finding, fault, note, ok } from "./finding.ts";
import { opens } from "./websocket.ts";

const WITHIN_MS = 10_000;
const DAY_MS = 86_400_000;
/** A certificate that ends sooner is worth a word: whoever renews it has missed two turns. */
const EXPIRES_SOON_DAYS = 14;

export type Hub = { readonly url: URL; readonly game: string; readonly key: string | undefined };

/** Empty findings of the rest where nothing answers: they would all say the same. */
export async function examineHub(hub: Hub): Promise<Finding[]> {
  const certificate = hub.url.protocol === "https:" ? [await checkCertificate(hub.url)] : [];
  if (certificate.some(({ state }) => state === "fault")) return certificate;
  const answer = await get(new URL("/healthz", hub.url));
  if (answer === null) return [...certificate, dead(hub.url)];
  const found = [...certificate, checkAnswer(hub.url, answer)];
  if (found.some(({ state }) => state === "fault")) return found;
  found.push(checkClock(answer), checkVersion(answer));
  return [...found, await checkReadiness(hub), await checkWebSocket(hub), await checkKey(hub)];
}

type Answer = { readonly status: number; readonly body: string; readonly date: string; readonly took_ms: number };

async function get(url: URL, headers: Record<string, string> = {}): Promise<Answer | null> {
  const began = performance.now();
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(WITHIN_MS), redirect: "manual" });
    const body = await response.text();
    const took_ms = Math.round(performance.now() - began);
    return { status: response.status, body, date: response.headers.get("date") ?? "", took_ms };
  } catch {
    return null;
  }
}

const dead = (url: URL): Finding =>
  fault("hub", `nothing answers at ${url.origin}`, "start the hub, or correct --hub; then its proxy and its firewall");

function checkAnswer({ origin }: URL, { status, body, took_ms }: Answer): Finding {
  return status === 200 && isJson(body) && "ok" in (JSON.parse(body) as object)
    ? ok("hub", `${origin} answers in ${took_ms} ms`)
    : fault("hub", `${origin} answers ${status}, and not as a hub does`, "see what the proxy in front of it says");
}

function checkClock({ date }: Answer): Finding {
  const said_ms = Date.parse(date);
  if (Number.isNaN(said_ms)) return note("clock", "the hub does not say what time it is");
  const skew_s = Math.round((Date.now() - said_ms) / 1_000);
  return Math.abs(skew_s) * 1_000 <= CLOCK_SKEW_MS
    ? ok("clock", `within ${Math.max(1, Math.abs(skew_s))} s of the hub's`)
    : fault(
        "clock",
        `this machine is ${Math.abs(skew_s)} s ${skew_s > 0 ? "ahead of" : "behind"} the hub: tokens and certificates are ` +
          "judged by clocks",
        "turn on NTP on the one that is wrong: `timedatectl set-ntp true`",
      );
}

function checkVersion({ body }: Answer): Finding {
  const { version } = JSON.parse(body) as { version?: string };
  if (version === VERSION) return ok("version", `the hub is ${version}, as this doctor`);
  return note(
    "version",
    `the hub is ${version ?? "older than 0.1.0"}, this doctor is ${VERSION}`,
    "one apart works together; upgrade the older one",
  );
}

async function checkReadiness({ url }: Hub): Promise<Finding> {
  const answer = await get(new URL("/readyz", url));
  if (answer?.status === 200) return ok("hub's rows", "a hub of its wakes and reads them");
  const why = answer === null ? "no answer" : `${answer.status} ${answer.body}`.trim();
  return fault("hub's rows", `it is not ready: ${why}`, "set SIDECAR_KEYS and TOKEN_KEYS, and see the hub's log");
}

async function checkWebSocket({ url, game }: Hub): Promise<Finding> {
  const to = new URL(`/v1/games/${game}/events`, url);
  to.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (await opens(to, "parley.v1")) return ok("WebSocket", `${to.pathname} opens`);
  return fault(
    "WebSocket",
    "it does not open, so no sidecar and no watcher can connect",
    "let the proxy pass `Upgrade: websocket` (deploy/hub/nginx.conf shows how)",
  );
}

async function checkKey({ url, game, key }: Hub): Promise<Finding> {
  if (key === undefined) return note("key", "not tried", "set PARLEY_KEY to have it tried");
  const answer = await get(new URL(`/v1/link/${game}/0`, url), { authorization: `Bearer ${key}` });
  if (answer?.status === 426) return ok("key", "the hub takes it");
  if (answer?.status === 401) {
    return fault("key", "the hub refuses it", "make PARLEY_KEY of the sidecar one of the hub's SIDECAR_KEYS");
  }
  return fault("key", `asked about it, the hub answers ${answer?.status ?? "nothing"}`, "see the hub's log");
}

/** Looked at without trusting it, so that what is wrong with it can be told. */
function checkCertificate({ hostname, port }: URL): Promise<Finding> {
  const host = hostname.replace(/^\[|\]$/g, "");
  return new Promise((done) => {
    const servername = /^[0-9.]+$|:/.test(host) ? {} : { servername: host };
    const socket = connect({ host, port: Number(port || 443), rejectUnauthorized: false, ...servername }, () => {
      const { valid_to } = socket.getPeerCertificate();
      // What TypeScript calls an Error here is the text of its code.
      const wrong = socket.authorized ? "" : String(socket.authorizationError);
      socket.destroy();
      done(judge(wrong, valid_to));
    });
    socket.setTimeout(WITHIN_MS, () => socket.destroy(new Error("silent")));
    socket.on("error", (error) =>
      done(fault("hub", `TLS with ${host} fails: ${error.message}`, "start the hub's proxy, or correct --hub")),
    );
  });
}

function judge(wrong: string, valid_to: string): Finding {
  const left_days = Math.floor((Date.parse(valid_to) - Date.now()) / DAY_MS);
  if (/EXPIRED/.test(wrong)) {
    return fault("certificate", `it expired on ${valid_to}`, "renew it: `certbot renew`, or restart Caddy");
  }
  if (wrong !== "") {
    return fault("certificate", `it is not believed (${wrong})`, "serve one for this name with its whole chain");
  }
  return left_days >= EXPIRES_SOON_DAYS
    ? ok("certificate", `good for ${left_days} days`)
    : note("certificate", `it ends in ${left_days} days`, "see why it is not renewed: `certbot renew --dry-run`");
}

const isJson = (text: string): boolean => {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
};
