/**
 * What `npm start` runs: the addresses, the ports and the settings of both halves, from its options and the environment.
 *
 * All problems are found before a process starts, and are reported together.
 */
import { networkInterfaces } from "node:os";
import { canonicalAddress, isIPv4 } from "#shared/net/endpoint.ts";
import { settingFaults } from "#shared/settings/hub-settings.ts";
import { type Config, parseConfig } from "../../udp-sidecar/config/config.ts";
import type { Environment } from "../../udp-sidecar/config/settings.ts";
import { UsageError } from "../command-line.ts";
import { hostOf, randomKey } from "./hub.ts";
import type { RequiredPort } from "./ports.ts";

export type Listen = { readonly address: string; readonly port: number };

export type Plan = {
  readonly hub: Listen;
  /** The hub's address for this machine. */
  readonly url: string;
  /** This machine's addresses that other devices reach. Empty if only this machine is served. */
  readonly reachable: readonly string[];
  readonly config: Config;
  /** The URL of the sidecar's status, which says when it is ready. */
  readonly status: string;
  /** The sidecar's settings, without the key. */
  readonly settings: Readonly<Record<string, string>>;
};

/** An address of a network interface of this machine. */
type OwnAddress = { readonly address: string; readonly internal: boolean };

const CREATED_KEYS = ["SIDECAR_KEYS", "TOKEN_KEYS"];
const WILDCARDS = new Set(["0.0.0.0", "::"]);
/** A sidecar sends at most 16 addresses to its hub. */
const ADDRESSES_MAX = 16;

/** The listening address and the port of the hub. Throws a `UsageError`. */
export function parseListen(listen: string, port: string): Listen {
  const address = canonicalAddress(listen);
  if (address === null)
    throw new UsageError("--listen must be an IP address; 0.0.0.0 is every address of this machine.");
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new UsageError("--port must be a number from 1 to 65535.");
  }
  return { address, port: Number(port) };
}

export function planFrom(
  hub: Listen,
  env: Environment,
  own: readonly OwnAddress[] = ownAddresses(),
): Plan | { readonly problems: readonly string[] } {
  const { address, port } = hub;
  const isWildcard = WILDCARDS.has(address);
  const isLocal = own.some((one) => one.internal && one.address === address);
  const reachable = isLocal ? [] : isWildcard ? addressesFor(address, own) : [address];
  const url = `http://${hostOf(isWildcard ? "127.0.0.1" : address)}:${port}`;
  const given = Object.entries(env).filter(([name, value]) => name.startsWith("PARLEY_") && value !== undefined);
  const settings = {
    PARLEY_LOG: "warn",
    PARLEY_NAME: "local",
    PARLEY_LISTEN: isWildcard ? "0.0.0.0,::" : (isLocal ? loopback(own) : [address, ...loopback(own)]).join(","),
    PARLEY_ADDRESSES: isLocal ? "127.0.0.1" : reachable.join(","),
    // Players on this machine and in a home network have private addresses.
    PARLEY_RELAY_PEERS: "any",
    PARLEY_STATE: ".parley",
    ...(Object.fromEntries(given) as Record<string, string>),
    PARLEY_HUB: url,
  };
  const parsed = parseConfig([], { ...settings, PARLEY_KEY: "set-by-npm-start" });
  const status = "config" in parsed ? parsed.config.status : null;
  const problems = [
    ...("problems" in parsed ? parsed.problems : []),
    ...("config" in parsed && status === null
      ? ["PARLEY_STATUS: `npm start` needs it to know when the sidecar is ready"]
      : []),
    // Keys that are not set are created later.
    ...settingFaults({ ...env, ...Object.fromEntries(CREATED_KEYS.map((name) => [name, env[name] || randomKey()])) }),
  ];
  if ("problems" in parsed || status === null || problems.length > 0) return { problems };
  return {
    hub,
    url,
    reachable,
    config: parsed.config,
    status: `http://${hostOf(status.host)}:${status.port}`,
    settings,
  };
}

/** Every port that the deployment opens, except the relay's. */
export function requiredPorts({ hub, config }: Plan): RequiredPort[] {
  const { ports, status, noray, nohub, tunnel, listen } = config;
  const tcp = (at: { readonly address: string | null; readonly port: number } | null, purpose: string) =>
    at === null ? [] : [{ kind: "tcp", port: at.port, purpose, address: at.address ?? listen[0]! } as const];
  return [
    ...tcp(hub, "hub"),
    ...tcp(status === null ? null : { address: status.host, port: status.port }, "sidecar status"),
    ...tcp(noray, "noray"),
    ...nohub.flatMap((at) => tcp(at, "nohub")),
    ...tcp(tunnel, "tunnels"),
    ...ports.map(({ port }) => ({ kind: "udp", port, purpose: "sidecar", address: listen[0]! }) as const),
  ];
}

/** 127.0.0.1, and ::1 if this machine has it. */
const loopback = (own: readonly OwnAddress[]): string[] => [
  "127.0.0.1",
  ...(own.some(({ address }) => address === "::1") ? ["::1"] : []),
];

/** IPv6 only if `::` is wanted. Link-local addresses need a zone, which players cannot type. */
const addressesFor = (wildcard: string, own: readonly OwnAddress[]): string[] =>
  own
    .filter(({ address, internal }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address)
    .filter((address) => wildcard === "::" || isIPv4(address))
    .slice(0, ADDRESSES_MAX);

const ownAddresses = (): OwnAddress[] => Object.values(networkInterfaces()).flatMap((all) => all ?? []);
