/** A started session in virtual time: of ours, of plugins, of both. */
import type { Endpoint } from "../../src/util/addresses.ts";
import { PluginDouble } from "./rabid-plugin.ts";
import { type Nat, Net, type NetOptions, ServerDouble, Ours } from "./rabid.ts";

export const NAMES = ["Alice", "Bob", "Carol", "Dan", "Eve", "Frank", "Grace", "Heidi", "Ivan", "Judy", "Ken", "Leo"];

/** Three in ten lost, one in ten doubled, and a delay that lets later datagrams overtake earlier ones. */
export const ROUGH: NetOptions = { loss: 0.3, duplicates: 0.1, delay_ms: [5, 80] };

export type Lobby = {
  readonly net: Net;
  readonly server: ServerDouble;
  readonly ours: Ours[];
  readonly plugins: PluginDouble[];
  /** When the host asked for the start, or the first of ours heard of it. */
  readonly startedAt: number;
};

export type LobbyOptions = NetOptions & {
  readonly nats?: Readonly<Record<string, Nat>>;
  readonly addresses?: readonly string[];
  readonly server?: "original" | "ours";
};

/** Members in join order, the first one hosting; names that begin with "Plugin" are plugins. Started once all are in. */
export function lobby(order: readonly string[], options: LobbyOptions = {}): Lobby {
  const net = new Net(options);
  const server = net.add(new ServerDouble(options.server ?? "ours"));
  const ours: Ours[] = [];
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
      ours.push(net.add(new Ours(net, address, hosts ? { ...setup, seats: 12 } : setup), nat));
    }
    const listed = (): boolean =>
      server.players.length > index && ours.every(({ session }) => session.phase !== "asking");
    if (!net.run(listed)) throw new Error(`${name} was not listed`);
  }
  if (order[0]!.startsWith("Plugin")) net.run(() => ours.every((player) => player.event("started") !== undefined));
  else ours[0]!.session.start(net.now);
  return { net, server, ours, plugins, startedAt: net.now };
}

export const hasMet = (player: Ours): boolean => player.event("met") !== undefined;

export const endpointOf = ({ address, port }: { address: string; port: number }): Endpoint => ({ address, port });

/** What was said between players, server left out. */
export const peersOnly = (net: Net): Net["log"] =>
  net.log.filter(({ from, to }) => [from, to].every((end) => end.address !== ServerDouble.endpoint.address));

export const seeds = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

export const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!;
