/** Endpoints that are read from socket names, many more than the table has places. */
import { expect, test } from "vitest";
import { UDP_ENDPOINTS_REMEMBERED } from "#shared/limits.ts";
import { KnownEndpoints } from "../../../udp-sidecar/sockets/udp/known-endpoints.ts";
import { writeName } from "../../../udp-sidecar/sockets/udp/socket-names.ts";
import { diceOf } from "../../support/dice.ts";

const ROUNDS = 4;

test.each([4, 6] as const)("a name of family %i is read as the endpoint that it was written from", (family) => {
  const dice = diceOf(7);
  const known = new KnownEndpoints(family);
  const view = new DataView(new ArrayBuffer(64));
  for (let at = 0; at < ROUNDS * UDP_ENDPOINTS_REMEMBERED; at++) {
    // Few different octets, so that many addresses differ in one of them.
    const octet = (): number => dice(3) * 100;
    const group = (): string => (1 + dice(3)).toString(16);
    const address =
      family === 4 ? Array.from({ length: 4 }, octet).join(".") : Array.from({ length: 8 }, group).join(":");
    const port = dice(4);
    expect(writeName(view, 8, family, address, port)).toBe(family === 4 ? 16 : 28);
    const first = known.read(view, 8);
    expect(first).toStrictEqual({ address, port });
    expect(known.read(view, 8)).toBe(first);
  }
});
