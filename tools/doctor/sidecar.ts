/** Checks a sidecar from outside: its link as the hub sees it, and every port by a real exchange. */
import { networkInterfaces } from "node:os";
import type { SidecarView } from "#shared/api/service.ts";
import { CLOCK_SKEW_MS } from "#shared/limits.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Wire } from "#shared/lobby/lobby.ts";
import { VERSION } from "#shared/version.ts";
import { parseConfig } from "../../udp-sidecar/config/config.ts";
import { checkAddresses } from "./addresses.ts";
import { checkDowsett } from "./wires/dowsett.ts";
import { checkDtls, checkDtlsSession } from "./dtls.ts";
import { type Finding, fault, formatSkew, note, ok } from "./finding.ts";
import type { HubTarget } from "./hub.ts";
import { checkNat } from "./nat.ts";
import { checkNative } from "./wires/native.ts";
import { checkNoray } from "./wires/noray.ts";
import { checkRabid } from "./wires/rabid.ts";
import { checkStun } from "./stun.ts";
import { canOpenWebSocket } from "./websocket.ts";

type SidecarPorts = Pick<SidecarView, "ports" | "dtls" | "noray">;

/** `name`: as given by the operator; `address`: the address that it resolves to. */
export async function checkSidecar(
  hub: HubTarget,
  hubIsUp: boolean,
  { name, address }: { readonly name: string; readonly address: string },
): Promise<Finding[]> {
  const linked = hubIsUp ? await findSidecar(hub, name, address) : undefined;
  const findings = hubIsUp ? [checkLink(linked, address)] : [];
  if (linked !== undefined) findings.push(checkVersion(linked), checkClock(linked));
  const open: SidecarPorts = linked ?? { ...defaultPorts(), noray: 8_890 };
  const { dtls, ports } = open;
  if (dtls !== undefined) {
    const checks = await Promise.all(ports.map(({ port }) => checkDtls({ address, port }, dtls)));
    findings.push(...checks.flat());
    const native = ports.find(({ wires }) => wires.includes("native"));
    if (native !== undefined && linked !== undefined)
      findings.push(await checkDtlsSession(hub, { address, port: native.port }, dtls));
  }
  if (dtls?.required === true) return unique(findings);
  const stun = await checkStun(
    address,
    ports.map(({ port }) => port),
  );
  findings.push(...stun.findings, ...checkNat(localAddresses(), address, stun.observation));
  // Without a link the wires are silent, so their checks would say nothing about the ports.
  if (linked === undefined) return unique(findings);
  findings.push(...(await checkAddresses(linked, address)));
  findings.push(...(await checkWires(hub, address, open, stun.good)));
  if (linked.tunnel !== undefined) findings.push(await checkTunnel(linked.tunnel));
  return unique(findings);
}

/** Checks each wire at each port that STUN has found to be good. */
async function checkWires(
  hub: HubTarget,
  address: string,
  { ports, noray }: SidecarPorts,
  good: ReadonlySet<number>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { port, wires } of ports.filter((one) => good.has(one.port))) {
    for (const wire of wires) findings.push(...(await WIRE_CHECKS[wire](hub, { address, port })));
  }
  const registrar = ports.findLast(({ port, wires }) => wires.includes("noray") && good.has(port));
  if (noray !== undefined && registrar !== undefined) {
    findings.push(...(await checkNoray(address, noray, registrar.port)));
  }
  return findings;
}

async function checkTunnel(url: string): Promise<Finding> {
  if (await canOpenWebSocket(new URL(url))) return ok("tunnel", `${url} opens`);
  const next = "open its TCP port, or set PARLEY_TUNNEL_URL to its proxy's address, or PARLEY_TUNNEL=off";
  return fault("tunnel", `${url} does not open: peers that cannot send UDP have no relay`, next);
}

/** noray's check uses two ports at once and runs after the others, so it is empty here. */
const WIRE_CHECKS: Readonly<Record<Wire, (hub: HubTarget, at: Endpoint) => Promise<Finding[]>>> = {
  native: checkNative,
  rabid: (_, at) => checkRabid(at),
  dowsett: (_, at) => checkDowsett(at),
  noray: () => Promise.resolve([]),
  // Its clients use TCP alone.
  nohub: () => Promise.resolve([]),
};

async function findSidecar(hub: HubTarget, name: string, address: string): Promise<SidecarView | undefined> {
  const sidecars = await listSidecars(hub);
  return sidecars.find(({ id, v4, v6 }) => id === name || [...v4, ...v6].includes(address));
}

/** The sidecars that the hub returns to clients. None if it does not answer. */
export async function listSidecars({ url, game }: HubTarget): Promise<readonly SidecarView[]> {
  try {
    const response = await fetch(new URL(`/v1/games/${game}/sidecars`, url));
    return response.ok ? ((await response.json()) as { sidecars: SidecarView[] }).sidecars : [];
  } catch {
    return [];
  }
}

const checkLink = (linked: SidecarView | undefined, address: string): Finding =>
  linked === undefined
    ? fault(
        "link",
        `no sidecar at ${address} is linked to the hub`,
        "see the sidecar's log: its key, PARLEY_HUB, whether PARLEY_ADDRESSES contains this address, and whether another " +
          "machine has its PARLEY_NAME (`twin`)",
      )
    : ok("link", `${linked.id} is linked`);

function checkVersion({ software }: SidecarView): Finding {
  if (software === VERSION) return ok("version of the sidecar", software);
  const text = `it is ${software ?? "unknown"}, this doctor is ${VERSION}`;
  const next = "one minor version of difference is supported; upgrade the older one";
  return note("version of the sidecar", text, next);
}

function checkClock({ clock_skew_s: skew_s }: SidecarView): Finding {
  const subject = "clock of the sidecar";
  if (skew_s === undefined) return ok(subject, `within ${CLOCK_SKEW_MS / 1_000} s of the hub's`);
  const text = `it is ${formatSkew(skew_s)} the hub's: the sidecar's certificate and its log depend on it`;
  return fault(subject, text, "turn on NTP on the sidecar's machine: `timedatectl set-ntp true`; then check the hub's");
}

const localAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));

/** The ports of the default configuration, for a sidecar that is not linked. */
function defaultPorts(): SidecarPorts {
  const parsed = parseConfig([], { PARLEY_KEY: "none" });
  return { ports: "config" in parsed ? parsed.config.ports : [] };
}

/** Drops duplicates: every port serves the same certificate. */
const unique = (findings: readonly Finding[]): Finding[] => [
  ...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values(),
];
