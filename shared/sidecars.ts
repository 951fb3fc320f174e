/** What anybody may know of a sidecar: where it stands, and under which addresses and ports it is reached. */
import type { Hello } from "./link.ts";
import type { Wire } from "./lobby.ts";

export type SidecarLine = {
  readonly id: string;
  readonly region: string;
  readonly v4: readonly string[];
  readonly v6: readonly string[];
  readonly ports: readonly { readonly port: number; readonly wires: readonly Wire[] }[];
};

export const sidecarLine = ({ sidecar, region, addresses, ports }: Hello): SidecarLine => ({
  id: sidecar,
  region,
  v4: addresses.filter((address) => !address.includes(":")),
  v6: addresses.filter((address) => address.includes(":")),
  ports: ports.map(({ port, wires }) => ({ port, wires })),
});
