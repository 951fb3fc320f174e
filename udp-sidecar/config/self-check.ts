/**
 * Checks the machine and the hub at start for common configuration faults. It is the server's half of `npm run doctor`.
 * Each finding is one sentence that ends with the fix.
 */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { isIPv4 } from "#shared/net/endpoint.ts";
import { isSpecial } from "#shared/net/special-ranges.ts";
import { CLOCK_SKEW_MS, HUB_REQUEST_MS } from "#shared/limits.ts";
import { VERSION } from "#shared/version.ts";
import { get } from "../hub-requests/get.ts";
import { wallClock } from "../time/wall-clock.ts";
import type { Config } from "./config.ts";

type Environment = {
  /** Addresses of this machine. */
  readonly own_addresses: readonly string[];
  /** Limit of open files, or null if unknown. */
  readonly files_max: number | null;
  readonly root: boolean;
  /** Clock and version of the hub, or null if it does not answer. */
  readonly hub: { readonly date_ms: number; readonly version: string } | null;
  readonly now: number;
};

type Settings = Pick<Config, "addresses" | "listen" | "relay_ports" | "noray_connections">;

/** Open files besides peers' sockets: the program's own files, links to hubs. */
const FILES_RESERVED = 256;

export function findProblems(config: Settings, { own_addresses, files_max, root, hub, now }: Environment): string[] {
  const found: string[] = [];
  const { addresses, listen, relay_ports, noray_connections } = config;
  if (addresses.length === 0) {
    found.push("clients do not get this sidecar's address: set PARLEY_ADDRESSES to its public addresses");
  }
  const elsewhere = addresses.filter((address) => !own_addresses.includes(address));
  if (elsewhere.length > 0) {
    found.push(
      `${elsewhere.join(", ")} is not an address of this machine, so it is behind a NAT: forward every port to the ` +
        "same port here, preserve source addresses, and run `npm run doctor` from outside",
    );
  }
  const inside = addresses.filter((address) => isSpecial(address));
  if (inside.length > 0) found.push(`${inside.join(", ")} in PARLEY_ADDRESSES cannot be reached by players`);
  for (const [wildcard, family] of [
    ["0.0.0.0", 4],
    ["::", 6],
  ] as const) {
    const several = own_addresses.filter((address) => isIPv4(address) === (family === 4) && !isSpecial(address));
    if (listen.includes(wildcard) && several.length > 1) {
      found.push(
        `this machine has several addresses (${several.join(", ")}) and a reply may leave from another one than got ` +
          "the request: set PARLEY_LISTEN to the address that players use instead of " +
          wildcard,
      );
    }
  }
  const needed =
    FILES_RESERVED + noray_connections.max + (relay_ports === null ? 0 : relay_ports.last - relay_ports.first);
  if (files_max !== null && files_max < needed) {
    found.push(`the limit of open files is ${files_max}: raise it to ${needed} (LimitNOFILE of the systemd unit)`);
  }
  if (root)
    found.push("the sidecar runs as root, which it does not need: run it as a separate user, as the systemd unit does");
  if (hub !== null && Math.abs(hub.date_ms - now) > CLOCK_SKEW_MS) {
    const by = Math.round((now - hub.date_ms) / 1_000);
    found.push(`the clock is ${Math.abs(by)} s ${by > 0 ? "ahead of" : "behind"} the hub's: turn on NTP`);
  }
  if (hub !== null && hub.version !== "" && hub.version !== VERSION) {
    found.push(`the hub is version ${hub.version} and this is ${VERSION}: upgrade the older one`);
  }
  return found;
}

export async function selfCheck(config: Config): Promise<string[]> {
  const own_addresses = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
  const files_max = filesMax();
  const root = process.getuid?.() === 0;
  const hub = await fetchHubStatus(config.hub);
  return findProblems(config, { own_addresses, files_max, root, hub, now: wallClock() });
}

function filesMax(): number | null {
  try {
    const soft = /^Max open files\s+([0-9]+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    // Not Linux.
    return null;
  }
}

async function fetchHubStatus(hub: URL): Promise<Environment["hub"]> {
  try {
    const { date, body } = await get(new URL("/healthz", hub), HUB_REQUEST_MS);
    const date_ms = Date.parse(date ?? "");
    const { version = "" } = JSON.parse(body) as { version?: string };
    return { date_ms: Number.isNaN(date_ms) ? wallClock() : date_ms, version };
  } catch {
    // The link logs the failure and retries.
    return null;
  }
}
