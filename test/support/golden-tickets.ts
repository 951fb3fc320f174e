/**
 * A ticket and a receipt made by Node's crypto as docs/reference/http.md describes, with the keys of the tests' hub
 * (keys.ts). Worker and sidecar must both accept them.
 */
import type { Ticket, TicketKey } from "#shared/auth/tickets.ts";

const ticket: Ticket = {
  purpose: "udp",
  game: "arena",
  lobby: null,
  peer: "aaaaaaaaaaaaaaaaaaaaaaaaaa",
  expires_at_s: 1_800_000_000,
};

export const GOLDEN = {
  ticket,
  seen: {
    game: "arena",
    peer: ticket.peer,
    endpoint: { address: "203.0.113.7", port: 54_321 },
    at_ms: 1_800_000_000_000,
  },
  receipt: "mxYW54lW.cb007107d431.mywpiww0.KrkOq3dl7ITLQO9TL0CHiS",
  text: "udp.mxYW54lW.arena..aaaaaaaaaaaaaaaaaaaaaaaaaa.tro8w0.sbMlqQ8k2ROaqPdpeAV5iAckHftsN_9AfjwJzBzS1Xw",
  keys: [
    { id: "mxYW54lW", secret: "BWflJsjsbDnwsfimXc2AEevP7CXSdp4oHBfyEMhazq0" },
    { id: "7bPFw6SG", secret: "INFJOwxqPHPjEl3uBSxRqGSjmwMks0wbE9Hl4cTzRig" },
  ] as readonly [TicketKey, TicketKey],
};
