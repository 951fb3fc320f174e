/** Decoders of what peers and hub exchange about punching: observations to the hub, plans from it. */
import {
  anyEndpoint,
  type Decoder,
  flag,
  integer,
  list,
  nullable,
  number,
  object,
  oneOf,
  record,
  type Shape,
  text,
} from "../schema/decode.ts";
import * as limits from "../limits.ts";
import type { Plan, Spray, Target } from "./punch-plan.ts";
import { RECEIPT_PATTERN } from "../auth/receipts.ts";

const port = integer(1, limits.PORT_LAST);
/** The longest text of an address. */
const address = text(45);

/** A sidecar's observation of one of a peer's sockets. */
export const observation = object({
  /** Index of the socket; 0 is the one that the game will use. */
  socket: integer(0, limits.PORT_LAST),
  local_port: port,
  /** The sidecar endpoint that the request was sent to. */
  via: anyEndpoint,
  /** When the request was sent, by the peer's clock. */
  at_ms: number,
  /** The signed observed endpoint. The hub uses no endpoint that the peer only claims. */
  receipt: text(limits.RECEIPT_LENGTH_MAX, RECEIPT_PATTERN),
});
export type Observation = Shape<typeof observation>;

export const spray: Decoder<Spray> = record<Spray>({
  address,
  first_port: port,
  step: integer(-limits.PORT_LAST, limits.PORT_LAST),
  ports: integer(1, limits.PORT_LAST),
  order: oneOf("in_a_row", "shuffled"),
  probes: integer(0, limits.BIRTHDAY_PROBES),
  after_ms: integer(0, limits.BIRTHDAY_GIVE_UP_MS),
});

export const plan: Decoder<Plan> = record<Plan>({
  targets: list(
    record<Target>({ kind: oneOf("host", "reflexive", "predicted"), address, port }),
    limits.HOST_CANDIDATES_MAX + 2 * limits.OBSERVED_CANDIDATES_MAX,
  ),
  sockets: integer(1, limits.BIRTHDAY_SOCKETS),
  spray: nullable(spray),
  per_s: integer(1, limits.CROSSING_PER_S),
  nominates: flag,
  same_network: flag,
  first_hops: nullable(integer(1, 255)),
  give_up_ms: integer(0, limits.BIRTHDAY_GIVE_UP_MS),
});
