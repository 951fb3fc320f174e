/** What `npm start` prints when it is ready: each address, who can reach it, and how games trust its certificate. */
import { join, relative } from "node:path";
import type { Dtls } from "#shared/link/messages.ts";
import { gdscript } from "../../udp-sidecar/sockets/dtls/certificate.ts";
import { hostOf } from "./hub.ts";
import type { Plan } from "./plan.ts";

/** `rows`: their folder. */
export async function summary(plan: Plan, rows: string): Promise<string> {
  const { url, config, status } = plan;
  const { game } = config.ports[0]!;
  const udp = config.ports.map(({ port }) => port);
  return [
    "",
    `  lobby page   ${url}`,
    `  demo game    ${url}/play/`,
    `  lobby list   ${url}/v1/games/${game}/lobbies`,
    `  sidecar      UDP ${udp.join(", ")}; ${status}/metrics`,
    ...tcpLine("noray", [config.noray]),
    ...tcpLine("nohub", config.nohub),
    ...tcpLine("tunnels", [config.tunnel]),
    `  rows         ${rows}`,
    ...reachableLines(plan),
    ...(await dtlsLines(plan, game)),
    "",
    `ready: hub ${url}, sidecar UDP ${udp.join(" ")}`,
  ].join("\n");
}

function tcpLine(label: string, ports: readonly ({ readonly port: number } | null)[]): string[] {
  const open = ports.flatMap((at) => at?.port ?? []);
  return open.length === 0 ? [] : [`  ${label.padEnd(11)}  TCP ${open.join(", ")}`];
}

function reachableLines({ hub, reachable }: Plan): string[] {
  if (reachable.length === 0) {
    return ["  reachable    from this machine only; for phones and other PCs: npm start -- --listen 0.0.0.0"];
  }
  return [
    `  reachable    from other devices, if a firewall here admits TCP ${hub.port} and the ports of`,
    "               npx node udp-sidecar/main.ts --firewall",
    ...reachable.map((address) => `      type     http://${hostOf(address)}:${hub.port} as hub, ${address} as sidecar`),
  ];
}

/** If DTLS is on: the certificate's fingerprint, and how games pin it. */
async function dtlsLines({ url, config }: Plan, game: string): Promise<string[]> {
  if (config.dtls === "off") return [];
  const response = await fetch(`${url}/v1/games/${game}/sidecars`);
  const { sidecars = [] } = (await response.json()) as { sidecars?: { dtls?: Dtls }[] };
  const dtls = sidecars.find((sidecar) => sidecar.dtls !== undefined)?.dtls;
  if (dtls === undefined) return [];
  const file = config.dtls_cert || relative(process.cwd(), join(config.state, "dtls.crt"));
  const { godot3, godot4 } = gdscript(dtls);
  return [
    `  DTLS         SHA-256 ${dtls.fingerprint}`,
    `               pin ${file} under the name ${dtls.name}`,
    `      Godot 3  ${godot3}`,
    `      Godot 4  ${godot4}`,
  ];
}
