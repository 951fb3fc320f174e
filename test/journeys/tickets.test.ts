/** The hub signs, the sidecar proves: the keys travel with the link's greeting, and outlive the hub. */
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LINK_VERSION } from "#shared/link/messages.ts";
import { Links } from "../../udp-sidecar/link/shard-links.ts";
import { Secret } from "../../udp-sidecar/config/secret.ts";
import { Tally } from "../../udp-sidecar/core/counters.ts";
import { Tickets } from "../../udp-sidecar/link/ticket-verifier.ts";
import { eventually, House } from "../support/test-stack.ts";

let house: House;
let links: Links;
let tickets: Tickets;

beforeEach(async () => {
  house = await House.open({ shards: 2 });
  const hello = { t: "hello", version: LINK_VERSION, sidecar: "south", epoch: "epoch-of-south" } as const;
  links = new Links({
    hub: new URL(house.url),
    key: new Secret(house.key),
    game: "default",
    tickets: (tickets = new Tickets("default")),
    hello: () => ({ ...hello, region: "", addresses: [], ports: [] }),
    log: pino({ level: "silent" }),
    tally: new Tally(),
    on: { members: () => {}, told: () => {}, relays: () => {} },
  });
  await untilUp();
});
afterEach(async () => {
  await links?.stop(0);
  await house?.close();
});

test("a sidecar proves what a peer shows without asking, even while the hub is dead and after it came back", async () => {
  const response = await fetch(`${house.url}/v1/games/default/peers`, { method: "POST" });
  const { peer_id, peer_token, udp_token } = (await response.json()) as Record<string, string>;
  const proved = (text: string): string | undefined => tickets.prove(text, "udp", Date.now())?.peer;
  expect(proved(udp_token!)).toBe(peer_id);
  expect(proved(peer_token!)).toBe(undefined);

  await house.killHub();
  await eventually(
    async () => links.up,
    (up) => !up,
  );
  expect(proved(udp_token!)).toBe(peer_id);

  await house.startHub();
  await untilUp();
  expect(proved(udp_token!)).toBe(peer_id);
});

const untilUp = (): Promise<boolean> => eventually(async () => links.up, Boolean);
