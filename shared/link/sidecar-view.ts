/** The public view of a sidecar: region, addresses, ports, and certificate. */
import type { SidecarView } from "../api/service.ts";
import type { Hello } from "./messages.ts";

export const sidecarView = ({
  sidecar,
  region,
  addresses,
  ports,
  relay,
  noray,
  dtls,
  software,
  clock_skew_s,
  tunnel,
}: Hello): SidecarView => ({
  id: sidecar,
  region,
  v4: addresses.filter((address) => !address.includes(":")),
  v6: addresses.filter((address) => address.includes(":")),
  ports: ports.map(({ port, wires }) => ({ port, wires })),
  ...(software !== undefined && { software }),
  ...(clock_skew_s !== undefined && { clock_skew_s }),
  ...(noray !== undefined && { noray }),
  ...(relay && { relay: { addresses: relay.addresses, pairs: relay.pairs } }),
  ...(tunnel !== undefined && { tunnel }),
  ...(dtls && { dtls }),
});
