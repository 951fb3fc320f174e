/** A NAT in words for a player. */
import { type Nat, type NatLabel, natLabel } from "./nat.ts";

const TEXTS: Readonly<Record<NatLabel, string>> = {
  none: "No router translates this address: other players reach it directly, unless a firewall blocks them.",
  blocked: "No sidecar answered over UDP: this network blocks it, and connections use a relay.",
  unknown: "The router translates addresses. How it does so is not known: observe one socket through two endpoints.",
  cone: "The router keeps one outer port for each socket: a direct connection works with nearly every player.",
  full_cone: "The router keeps one outer port, open to everyone: a direct connection works with every player.",
  address_restricted:
    "The router keeps one outer port for each socket: a direct connection works with nearly every player.",
  port_restricted:
    "The router keeps one outer port and admits only known endpoints: a direct connection works with most players.",
  sequential:
    "The router takes the next port for each destination: a direct connection works if the next port can be predicted.",
  random: "The router takes a random port for each destination: a direct connection needs many attempts, or a relay.",
};

export const NAT_LABELS = Object.keys(TEXTS) as NatLabel[];

export function describeNat(nat: Nat): { readonly type: NatLabel; readonly message: string } {
  const type = natLabel(nat);
  return { type, message: TEXTS[type] };
}
