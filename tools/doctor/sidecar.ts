/** The sidecar from outside: what the hub says of it, and then every port of it, each by a real exchange. */
import { networkInterfaces } from "node:os";
import type { SidecarView } from "#shared/api/service.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Wire } from "#shared/lobby/lobby.ts";
import { VERSION } from "#shared/version.ts";
import { parseConfig } from "../../udp-sidecar/config/config.ts";
import { examineDowsett } from "./dowsett.ts";
import { examineDtls } from "./dtls.ts";
import { type Finding, fault, note, ok } from "./finding.ts";
import type { Hub } from "./hub.ts";
import { examineNat } from "./nat.ts";
import { examineNative } from "./native.ts";
import { examineNoray } from "./noray.ts";
import { examineRabid } from "./rabid.ts";
import { examineStun } from "./stun.ts";
import { opens } from "./websocket.ts";

/** What players meet at it. */
type Doors = Pick<SidecarView, "ports" | "dtls" | "noray">;

/** `name`: as the person called it, `address`: what that stands for. */
export async function examineSidecar(
  hub: Hub,
  hubLives: boolean,
  { name, address }: { readonly name: string; readonly address: string },
): Promise<Finding[]> {
  const known = hubLives ? await linked(hub, name, address) : undefined;
  const findings = hubLives ? [checkLink(known, address)] : [];
  if (known !== undefined) findings.push(checkVersion(known));
  const doors: Doors = known ?? { ...defaults(), noray: 8_890 };
  const own = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((one) => one.address));
  const { dtls } = doors;
  if (dtls !== undefined) {
    const sealed = await Promise.all(doors.ports.map(({ port }) => examineDtls({ address, port }, dtls)));
    findings.push(...sealed.flat());
  }
  if (dtls?.required === true) return once(findings);
  const numbers = doors.ports.map(({ port }) => port);
  const stun = await examineStun(address, numbers);
  findings.push(...stun.findings, ...examineNat(own, address, stun.seen));
  // Without the hub wires are silent, which says nothing about them.
  if (!hubLives || known === undefined) return once(findings);
  for (const { port, wires } of doors.ports.filter((one) => stun.good.has(one.port))) {
    for (const wire of wires) findings.push(...(await EXAMINED[wire](hub, { address, port })));
  }
  const registrar = doors.ports.findLast(({ port, wires }) => wires.includes("noray") && stun.good.has(port));
  if (doors.noray !== undefined && registrar !== undefined) {
    findings.push(...(await examineNoray(address, doors.noray, registrar.port)));
  }
  if (known.tunnel !== undefined) findings.push(await checkTunnel(known.tunnel));
  return once(findings);
}

async function checkTunnel(url: string): Promise<Finding> {
  if (await opens(new URL(url))) return ok("tunnel", `${url} opens`);
  const next = "let its TCP port in, or set PARLEY_TUNNEL_URL to where its proxy is, or PARLEY_TUNNEL=off";
  return fault("tunnel", `${url} does not open: no relay for who cannot send UDP`, next);
}

/** noray's is one conversation over two ports, and comes last. */
const EXAMINED: Readonly<Record<Wire, (hub: Hub, at: Endpoint) => Promise<Finding[]>>> = {
  native: examineNative,
  rabid: (_, at) => examineRabid(at),
  dowsett: (_, at) => examineDowsett(at),
  noray: () => Promise.resolve([]),
};

async function linked(hub: Hub, name: string, address: string): Promise<SidecarView | undefined> {
  const url = new URL(`/v1/games/${hub.game}/sidecars`, hub.url);
  try {
    const { sidecars } = (await (await fetch(url)).json()) as { sidecars: SidecarView[] };
    return sidecars.find(({ id, v4, v6 }) => id === name || [...v4, ...v6].includes(address));
  } catch {
    return undefined;
  }
}

const checkLink = (known: SidecarView | undefined, address: string): Finding =>
  known === undefined
    ? fault(
        "link",
        `no sidecar at ${address} is linked to the hub`,
        "see the sidecar's log: its key, PARLEY_HUB, and whether PARLEY_ADDRESSES names this address",
      )
    : ok("link", `${known.id} is linked`);

function checkVersion({ software }: SidecarView): Finding {
  if (software === VERSION) return ok("version of the sidecar", software);
  const says = `it is ${software ?? "unknown"}, this doctor is ${VERSION}`;
  return note("version of the sidecar", says, "one apart works together; upgrade the older one");
}

/** Ports as they are unless configured otherwise, for a sidecar that nobody can tell of. */
function defaults(): Doors {
  const parsed = parseConfig([], { PARLEY_KEY: "none" });
  return { ports: "config" in parsed ? parsed.config.ports : [] };
}

/** The same certificate is shown at every port. */
const once = (findings: readonly Finding[]): Finding[] => [
  ...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values(),
];
