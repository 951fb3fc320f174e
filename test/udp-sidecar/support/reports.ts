/** Reports about the lobby Nice for the tests of the outbox. */
import type { Report } from "#shared/link/messages.ts";
import { POLICY } from "../../../udp-sidecar/protocols/rabid.ts";
import { endpointOf } from "../../support/exchange.ts";

const about = { wire: "rabid", name: "Nice", via: 57_775, endpoint: endpointOf("A") } as const;

export const joins = (peer: string): Report & { kind: "join" } => ({
  ...about,
  kind: "join",
  peer,
  lock: null,
  memory: null,
  reclaims: false,
});
export const hosts = (peer: string): Report => ({
  ...about,
  kind: "host",
  peer,
  seats: 4,
  lock: null,
  memory: null,
  policy: POLICY,
});
export const leaves = (peer: string): Report => ({ ...about, kind: "leave", peer });
export const asks = (peer: string): Report => ({ ...about, kind: "ask", peer });

export const namesOf = (reports: readonly Report[]): string[] =>
  reports.map((report) => ("peer" in report ? report.peer : ""));
