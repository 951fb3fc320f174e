/** A started session in virtual time, with Parley peers, plugins, or both. */
import type { Endpoint } from "../../src/util/addresses.ts";
import { PluginDouble } from "./rabid-plugin.ts";
import { type Nat, Net, type NetOptions, ServerDouble, ParleyPlayer } from "./rabid.ts";

export const NAMES = ["Alice", "Bob", "Carol", "Dan", "Eve", "Frank", "Grace", "Heidi", "Ivan", "Judy", "Ken", "Leo"];

/** 30 % loss, 10 % duplicates, and a delay that reorders. */
export const ROUGH: NetOptions = { loss: 0.3, duplicates: 0.1, delay_ms: [5, 80] };

export type Lobby = {
  readonly net: Net;
  readonly server: ServerDouble;
  readonly ours: ParleyPlayer[];
  readonly plugins: PluginDouble[];
  /** When the host requested the start, or the first Parley peer got the start line. */
  readonly startedAt: number;
};

export type LobbyOptions = NetOptions & {
  readonly nats?: Readonly<Record<string, Nat>>;
  readonly addresses?: readonly string[];
  readonly server?: "original" | "ours";
};

/**
 * Members in join order, the first one the host. Names that begin with "Plugin" are plugins. Started once all have
 * joined.
 */
export function lobby(order: readonly string[], options: LobbyOptions = {}): Lobby {
  const net = new Net(options);
  const server = net.add(new ServerDouble(options.server ?? "ours"));
  const ours: ParleyPlayer[] = [];
  const plugins: PluginDouble[] = [];
  for (const [index, name] of order.entries()) {
    const address = options.addresses?.[index] ?? `203.0.113.${index + 1}`;
    const nat = options.nats?.[name];
    const hosts = index === 0;
    if (name.startsWith("Plugin")) {
      const setup = { address, port: 5_000, name, session: "Nice", server: ServerDouble.endpoint };
      plugins.push(net.add(new PluginDouble(hosts ? { ...setup, starts: order.length } : setup, net.now), nat));
    } else {
      const setup = { server: ServerDouble.endpoint, session: "Nice", name };
      ours.push(net.add(new ParleyPlayer(net, address, hosts ? { ...setup, seats: 12 } : setup), nat));
    }
    const listed = (): boolean =>
      server.players.length > index && ours.every(({ session }) => session.phase !== "asking");
    if (!net.run(listed)) throw new Error(`${name} was not listed`);
  }
  if (order[0]!.startsWith("Plugin")) net.run(() => ours.every((player) => player.event("started") !== undefined));
  else ours[0]!.session.start(net.now);
  return { net, server, ours, plugins, startedAt: net.now };
}

export const hasMet = (player: ParleyPlayer): boolean => player.event("met") !== undefined;

export const endpointOf = ({ address, port }: { address: string; port: number }): Endpoint => ({ address, port });

/** The messages between players, without the server's. */
export const peersOnly = (net: Net): Net["log"] =>
  net.log.filter(({ from, to }) => [from, to].every((end) => end.address !== ServerDouble.endpoint.address));

export const seeds = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

export const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!;
