/** The hub signs tickets and the sidecar verifies them with keys from the link's greeting, even while the hub is down. */
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LINK_VERSION } from "#shared/link/messages.ts";
import { ShardLinks } from "../../udp-sidecar/link/shard-links.ts";
import { Secret } from "../../udp-sidecar/config/secret.ts";
import { Counters } from "../../udp-sidecar/core/counters.ts";
import { Clock } from "../../udp-sidecar/time/clock.ts";
import { GameTicketVerifier } from "../../udp-sidecar/link/ticket-verifier.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

let stack: TestStack;
let links: ShardLinks;
let tickets: GameTicketVerifier;

beforeEach(async () => {
  stack = await TestStack.open({ shards: 2 });
  const hello = { t: "hello", version: LINK_VERSION, sidecar: "south", epoch: "epoch-of-south" } as const;
  links = new ShardLinks({
    hub: new URL(stack.url),
    key: new Secret(stack.key),
    game: "default",
    tickets: (tickets = new GameTicketVerifier("default")),
    hello: () => ({ ...hello, region: "", addresses: [], ports: [] }),
    log: pino({ level: "silent" }),
    counters: new Counters(),
    clock: new Clock(),
    handlers: {
      onMembers: () => {},
      onDirectory: () => {},
      onAnnouncement: () => {},
      onReplies: () => {},
      onRelayMessage: () => {},
    },
  });
  await untilUp();
});
afterEach(async () => {
  await links?.stop(0);
  await stack?.close();
});

test("a sidecar verifies tickets without the hub, while it is down and after its restart", async () => {
  const response = await fetch(`${stack.url}/v1/games/default/peers`, { method: "POST" });
  const { peer_id, peer_token, udp_token } = (await response.json()) as Record<string, string>;
  const proved = (text: string): string | undefined => tickets.verify(text, "udp", Date.now())?.peer;
  expect(proved(udp_token!)).toBe(peer_id);
  expect(proved(peer_token!)).toBe(undefined);

  await stack.killHub();
  await eventually(
    async () => links.up,
    (up) => !up,
  );
  expect(proved(udp_token!)).toBe(peer_id);

  await stack.startHub();
  await untilUp();
  expect(proved(udp_token!)).toBe(peer_id);
});

const untilUp = (): Promise<boolean> => eventually(async () => links.up, Boolean);
