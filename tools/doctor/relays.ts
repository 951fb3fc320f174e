/**
 * Checks relays as members of a lobby use them. Four players get a relay for each of their six pairs, and enter each of the
 * twelve ports: if half of the range is closed, one of them is closed in all but one of 4,000 runs. One pair exchanges
 * datagrams between UDP and a tunnel.
 */
import type { Joined } from "#shared/api/lobbies.ts";
import type { SidecarView } from "#shared/api/service.ts";
import type { ConnectionView, RelayView } from "#shared/connect/schema.ts";
import { NATIVE_REQUEST_BYTES_MIN } from "#shared/limits.ts";
import { isSpecial } from "#shared/net/special-ranges.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { type Finding, fault, note, ok } from "./finding.ts";
import type { HubTarget } from "./hub.ts";
import { UdpProbe } from "./udp-probe.ts";
import { TunnelProbe } from "./websocket.ts";

const PLAYERS = 4;
const RELAY_MS = 15_000;
const POLL_MS = 200;
/** No sidecar has observed such a player, so the hub takes its UDP for blocked and allocates a relay. */
const UNOBSERVED = { looks: [], local_endpoints: [], now_ms: 0, rtt_ms: 10 };

type Player = { readonly peer_id: string; readonly peer_token: string };
type Pair = readonly [mine: RelayView, theirs: RelayView];

export async function checkRelays(hub: HubTarget, sidecars: readonly SidecarView[]): Promise<Finding[]> {
  if (sidecars.every(({ relay }) => relay === undefined)) {
    return [note("relays", "no sidecar has any", "set PARLEY_RELAY_PORTS, or some players cannot connect")];
  }
  try {
    const pairs = await allocate(new Api(hub));
    const open = await Promise.all(pairs.flat().map((end) => enterUdp(end).then((probe) => ({ end, probe }))));
    try {
      const closed = open.filter(({ probe }) => probe === null).map(({ end }) => end);
      const findings = [checkPorts(pairs.flat(), closed)];
      const [mine, theirs] = pairs.find((pair) => pair.every((end) => !closed.includes(end))) ?? [];
      if (mine?.tunnel !== undefined) {
        const { probe } = open.find(({ end }) => end === theirs)!;
        findings.push(await checkTunnel(mine, theirs!, probe!));
      }
      return findings;
    } finally {
      for (const { probe } of open) probe?.close();
    }
  } catch (error) {
    const next = "check PARLEY_RELAY_PORTS and PARLEY_RELAY_ADDRESSES, and PARLEY_RELAY_PEERS=any for private networks";
    return [fault("relays", `members get none: ${(error as Error).message}`, next)];
  }
}

function checkPorts(ends: readonly RelayView[], closed: readonly RelayView[]): Finding {
  const hosts = [...new Set(ends.map(({ address }) => address))].join(", ");
  const subject = `relays at ${hosts}`;
  if (closed.length === 0) return ok(subject, `${ends.length} of its ports answer members`);
  if (closed.length === ends.length && ends.every(({ address }) => isSpecial(address))) {
    const next =
      "peers with private addresses get no relay unless PARLEY_RELAY_PEERS=any; else open PARLEY_RELAY_PORTS";
    return note(subject, "none of its ports answers this machine, which reaches it at a private address", next);
  }
  const ports = closed.map(({ port }) => `UDP ${port}`).join(", ");
  const some = closed.length === ends.length ? "none of the" : `${closed.length} of`;
  return fault(
    subject,
    `${some} ${ends.length} tested ports ${closed.length === ends.length ? "answers" : "do not answer"}: ${ports}`,
    "open the whole range of PARLEY_RELAY_PORTS at the machine and at its provider: " +
      "`node udp-sidecar/main.ts --firewall` prints it",
  );
}

/** Exchanges a datagram in both directions between the tunnel to `mine` and the UDP socket at `theirs`. */
async function checkTunnel(mine: RelayView, theirs: RelayView, udp: UdpProbe): Promise<Finding> {
  const subject = "relay by tunnel";
  const tunnel = await TunnelProbe.open(mine.tunnel!, `enter ${mine.ticket} -`);
  const next = "set PARLEY_TUNNEL_URL to the URL at which the proxy of the tunnel port answers, or open the port";
  if (tunnel === null) return fault(subject, `${mine.tunnel} is not the tunnel of this sidecar`, next);
  try {
    const stop = udp.sendRepeatedly("doctor-udp", theirs);
    const atTunnel = await tunnel.receive("doctor-udp");
    stop();
    const sending = setInterval(() => tunnel.send("doctor-tunnel"), POLL_MS);
    const atUdp = await udp.request("doctor-udp", theirs, ({ text }) => text === "doctor-tunnel");
    clearInterval(sending);
    if (atTunnel && atUdp !== null) return ok(subject, `${mine.tunnel} carries datagrams in both directions`);
    return fault(subject, `${mine.tunnel} opens, but carries no datagrams`, "see the sidecar's log");
  } finally {
    tunnel.close();
  }
}

/** Enters an end over UDP: the first reply is a receipt, which proves that this socket receives there. Null without one. */
async function enterUdp(end: RelayView): Promise<UdpProbe | null> {
  const probe = await UdpProbe.open(end.address);
  const enter = (receipt: string) => `enter ${end.ticket} ${receipt} w`.padEnd(NATIVE_REQUEST_BYTES_MIN);
  const seen = await probe.request(enter("-"), end, ({ text }) => text.startsWith("seen "));
  const receipt = seen?.text.split(" ")[2];
  const entered = receipt && (await probe.request(enter(receipt), end, ({ text }) => text.startsWith("entered")));
  if (entered) return probe;
  probe.close();
  return null;
}

/** A relay for each pair of players in one lobby. Rejects with the hub's reason. */
async function allocate(api: Api): Promise<Pair[]> {
  const players = await Promise.all(Array.from({ length: PLAYERS }, () => api.request<Player>("peers", null, {})));
  const [host, ...others] = players;
  const settings = { name: "doctor", seats: PLAYERS, visibility: "unlisted" };
  const { lobby } = await api.request<Joined>("lobbies", host!, settings);
  for (const other of others) await api.request(`lobbies/${lobby.id}/members`, other, {});
  const pairs = players.flatMap((one, at) => players.slice(at + 1).map((other) => [one, other] as const));
  return Promise.all(pairs.map(([one, other]) => api.relayFor(lobby.id, one, other)));
}

/** Requests to the hub's HTTP API. */
class Api {
  readonly #base: string;

  constructor({ url, game }: HubTarget) {
    this.#base = `${url.origin}/v1/games/${game}`;
  }

  async request<T>(path: string, by: Player | null, body?: object): Promise<T> {
    const headers = {
      ...(by !== null && { authorization: `Bearer ${by.peer_token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
    };
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${this.#base}/${path}`, { headers, ...init });
    const text = await response.text();
    const answer = (text === "" ? null : JSON.parse(text)) as T & { title?: string; detail?: string };
    if (!response.ok) throw new Error(answer?.detail ?? answer?.title ?? `${path} returns ${response.status}`);
    return answer;
  }

  async relayFor(lobby: string, one: Player, other: Player): Promise<Pair> {
    const asked = { peer_id: other.peer_id, reach: UNOBSERVED };
    const { connection_id } = await this.request<ConnectionView>(`lobbies/${lobby}/connections`, one, asked);
    await this.request(`connections/${connection_id}/accept`, other, { reach: UNOBSERVED });
    return Promise.all([this.#relayOf(connection_id, one), this.#relayOf(connection_id, other)]);
  }

  async #relayOf(connection: string, by: Player): Promise<RelayView> {
    for (const began = performance.now(); performance.now() - began < RELAY_MS; await sleep(POLL_MS)) {
      const { relay, failure } = await this.request<ConnectionView>(`connections/${connection}`, by);
      if (relay !== undefined) return relay.relay;
      if (failure !== undefined) throw new Error(failure.message);
    }
    throw new Error(`no relay within ${RELAY_MS / 1_000} s`);
  }
}
