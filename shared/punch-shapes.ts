/** What peers and the hub say to each other about punching, as decoders: what was seen, and what is to be done. */
import {
  canonicalEndpoint,
  type Decoder,
  flag,
  integer,
  list,
  nullable,
  number,
  oneOf,
  record,
  text,
} from "./decode.ts";
import * as limits from "./limits.ts";
import type { Sample } from "./nat.ts";
import type { Plan, Spray, Target } from "./punch.ts";

const port = integer(1, limits.PORT_LAST);
/** Texts of addresses are no longer than this. */
const address = text(45);

/** Of all rounds, in any order. What they say was seen is the peer's word, and good for telling his NAT alone. */
export const samples: Decoder<readonly Sample[]> = list(
  record<Sample>({
    socket: integer(0, limits.PORT_LAST),
    local_port: port,
    via: canonicalEndpoint,
    seen: canonicalEndpoint,
    at_ms: number,
  }),
  limits.SAMPLES_MAX,
);

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
