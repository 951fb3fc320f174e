/** The API's `relay` of a lobby or member. Rows call it `addresses`, and keep their words. */
import { ADDRESS_POLICIES, type AddressPolicy } from "./lobby.ts";

/** Members are relayed if there is no direct path; always, so that no address is revealed; or never. */
export const RELAY_POLICIES = ["auto", "always", "never"] as const;
export type RelayPolicy = (typeof RELAY_POLICIES)[number];

export const toRelayPolicy = (policy: AddressPolicy): RelayPolicy => RELAY_POLICIES[ADDRESS_POLICIES.indexOf(policy)]!;
export const fromRelayPolicy = (policy: RelayPolicy): AddressPolicy =>
  ADDRESS_POLICIES[RELAY_POLICIES.indexOf(policy)]!;
