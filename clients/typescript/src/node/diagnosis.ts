/** What this machine's network can do, in sentences that a player can send to support. */
import type { HubClient } from "../api/hub-client.ts";
import type { NetworkFindings, ReflexiveProbe } from "../probe/reflexive-probe.ts";
import { ownAddresses } from "../probe/sockets.ts";
import type { SidecarList } from "../lobby/sidecar-list.ts";

export async function diagnose(hub: HubClient, sidecars: SidecarList, probe: ReflexiveProbe): Promise<string> {
  try {
    await hub.listSidecars();
  } catch (error) {
    return `The lobby server ${hub.url} is not reached: ${error instanceof Error ? error.message : String(error)}`;
  }
  await sidecars.refresh();
  const answers = `The lobby server ${hub.url} answers.`;
  if (sidecars.current.length === 0)
    return `${answers}\nNo sidecar is linked to the lobby server: players cannot be connected.`;
  const addresses = `Own addresses: ${ownAddresses().join(", ")}.`;
  return [answers, ...sentencesOf(await probe.examine()), addresses].join("\n");
}

function sentencesOf({ answered, families, isStable, filtering }: NetworkFindings): string[] {
  if (answered === 0) return ["UDP does not get out of this network: the game runs over a WebSocket."];
  const udp = `UDP gets out over ${families.join(" and ")}: ${answered} of the sidecars' endpoints answered.`;
  const mapping = isStable
    ? "The router uses one port for every destination: direct connections are possible."
    : "The router uses another port for every destination: some direct connections are impossible, and a relay carries the game.";
  if (filtering === null) return [udp, mapping];
  const admits =
    filtering === "independent"
      ? "The router admits datagrams of any sender: direct connections are easy."
      : "The router admits only endpoints that this machine has sent to: direct connections need the punch.";
  return [udp, mapping, admits];
}
