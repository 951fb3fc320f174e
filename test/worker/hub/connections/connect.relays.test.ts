import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { relay } from "#shared/connect/schema.ts";
import type { Unallocated } from "#shared/link/relay-messages.ts";
import { ALARM_SLACK_MS, RELAY_ANSWER_MS, RELAY_DAY_BYTES_MIN, RELAY_LINGER_MS } from "#shared/limits.ts";
import { decodeTicket } from "#shared/auth/tickets.ts";
import { Store } from "../../../../worker/hub/store.ts";
import { hubFor, inside, timePasses } from "../../support/hub-inspector.ts";
import {
  accepts,
  asksFor,
  courseOf,
  meetings,
  reachOf,
  reads,
  reports,
  watching,
  membersOfOneLobby,
  meet as introduces,
} from "../../support/introduction.ts";
import { fits, type Player } from "../../support/player.ts";
import { heard, hosts, joins, ORIGIN, Sidecar, worker } from "../../support/sidecar.ts";
import { type EventsClient } from "../../support/subscriber.ts";

const ANN = { address: "20.0.1.1" };
const BOB = { address: "20.0.2.1" };
const RANDOM = { nat: "random" } as const;
const RELAY = { addresses: ["198.51.100.9"], pairs: 100 };
const FAR = { addresses: ["198.51.100.77"], relay: { addresses: ["198.51.100.77"], pairs: 100 } };

let ann: Player;
let bob: Player;
let game = "";
let lobby = "";
let at: EventsClient;
let to: EventsClient;
let north: Sidecar;
beforeEach(async () => {
  ({ game, ann, bob, lobby } = await membersOfOneLobby());
  [at, to] = [await watching(ann, lobby), await watching(bob, lobby)];
  north = await Sidecar.open(game);
  await north.hello({ relay: RELAY });
});

/** A reach of a pair that goes on after its first introduction. */
const KEYED = { epoch: 0 };

describe("pairs without a direct path", () => {
  test("both peers get their ends of a relay and the tickets for them", async () => {
    const id = await meet(RANDOM, RANDOM);
    const order = await north.next("allocate");
    expect(order).toStrictEqual({ t: "allocate", relay: id, sides: [{ peer: ann.id }, { peer: bob.id }] });
    north.say(allocated(id));
    const [mine, theirs] = [(await at.next("connect.relay")).data, (await to.next("connect.relay")).data];
    const same = { connection_id: id, lobby_id: lobby, verdict: "relay", nat_pair: "random/random" };
    expect(mine).toMatchObject({ ...same, peer_id: bob.id, pair_key: { role: "a" }, relay: { port: 30_000 } });
    expect(theirs).toMatchObject({ ...same, peer_id: ann.id, pair_key: { role: "b" }, relay: { port: 30_001 } });
    for (const [told, peer] of [[mine, ann.id] as const, [theirs, bob.id] as const]) {
      const { ticket, expires_at, budget_bytes } = told["relay"] as {
        ticket: string;
        expires_at: string;
        budget_bytes: number;
      };
      expect(decodeTicket(ticket)?.ticket).toMatchObject({ purpose: "relay", game, lobby: id, peer });
      expect([Date.parse(expires_at), budget_bytes]).toStrictEqual([
        Math.floor(Date.now() / 1_000) * 1_000 + 3_600_000,
        1_000_000,
      ]);
    }
    expect(courseOf(await reads(ann, id))).toStrictEqual("asked looked accepted looked introduced relayed".split(" "));
    expect(await reads(bob, id)).toMatchObject({ relay: { relay: { port: 30_001 }, pair_key: { role: "b" } } });
    expect((await reads(bob, id)).punch).toBe(undefined);
  });

  test("peers without UDP or with IPv6 only are relayed too, and the tunnel has an address of their family", async () => {
    await meet({ nat: "blocked" }, {});
    expect(await north.next("allocate")).toMatchObject({ sides: [{ peer: ann.id }, { peer: bob.id }] });
    const id = await meet({}, { address: "2001:db8:2::1" });
    expect(await north.next("allocate")).toMatchObject({ sides: [{ peer: ann.id }, { peer: bob.id, family: "v6" }] });
    const [end] = allocated(id).ends;
    const ends = [end, { address: "2001:db8:9::1", port: 30_001 }];
    north.say({ ...allocated(id), ends, tunnel: "ws://198.51.100.9:8891/" });
    const tunnels = await Promise.all([ann, bob].map(async (player) => (await reads(player, id)).relay?.relay.tunnel));
    expect(tunnels).toStrictEqual(["ws://198.51.100.9:8891/", "ws://[2001:db8:9::1]:8891/"]);
  });

  test("no address is revealed if a peer or the lobby forbids it", async () => {
    await bob.ask("PATCH", `lobbies/${lobby}/members/${bob.id}`, { body: { relay: "always" } });
    const first = await meet({}, {});
    expect(await reads(ann, first)).not.toHaveProperty("punch");
    expect(await north.next("allocate")).toMatchObject({ relay: first });
    north.say(allocated(first));
    await at.next("connect.relay");
    await bob.ask("PATCH", `lobbies/${lobby}/members/${bob.id}`, { body: { relay: "auto" } });
    // The pair keeps the relay that works, also when a direct path is allowed.
    expect(await reads(ann, await meet(KEYED, KEYED))).toMatchObject({ punch: {}, relay: { relay: { port: 30_000 } } });
    await at.next("connect.relay");
    await ann.patches(lobby, { relay: "always" });
    // A member's setting does not override its lobby's.
    const third = await meet(KEYED, KEYED);
    expect(await north.rest()).toStrictEqual([]);
    const told = JSON.stringify([await at.next("connect.relay"), await reads(ann, third), await reads(bob, third)]);
    expect(told).not.toMatch(/20\.0\.|192\.168\./);
    expect(told).toContain("One of the two does not reveal its address.");
  });
});

describe("a relay beside a direct path", () => {
  test("every introduction brings a relay, which is released a second after both have a direct path", async () => {
    const id = await meet({}, {});
    await north.next("allocate");
    north.say(allocated(id));
    const punch = (await at.next("connect.punch")).data as { start_in_ms: number; relay_after_ms: number };
    // Two round trips of 40 ms to the hub, and the margin.
    expect(punch.relay_after_ms - punch.start_in_ms).toBe(100);
    expect((await at.next("connect.relay")).data).toMatchObject({ connection_id: id, relay: { port: 30_000 } });
    await reports(ann, id, { path: "direct" });
    await timePasses(game, RELAY_LINGER_MS + ALARM_SLACK_MS);
    expect(await north.rest()).toStrictEqual([]);
    await reports(bob, id, { path: "direct" });
    await timePasses(game, RELAY_LINGER_MS + ALARM_SLACK_MS);
    expect(await north.rest()).toStrictEqual([{ t: "release", relay: id }]);
  });

  test("a relay that the next introduction needs is not released", async () => {
    const id = await meet({}, {});
    await north.next("allocate");
    north.say(allocated(id));
    await at.next("connect.relay");
    for (const player of [ann, bob]) await reports(player, id, { path: "direct" });
    await meet(KEYED, KEYED);
    await timePasses(game, RELAY_LINGER_MS + ALARM_SLACK_MS);
    expect(await north.rest()).toStrictEqual([]);
    expect((await at.next("connect.relay")).data).toMatchObject({ relay: { port: 30_000 } });
  });

  test("a pair that starts over, without a key, gets another relay", async () => {
    const id = await meet({}, {});
    await north.next("allocate");
    north.say(allocated(id));
    await at.next("connect.relay");
    const next = await meet({}, {});
    expect(next).not.toBe(id);
    expect(await north.rest()).toMatchObject([{ t: "allocate", relay: next }]);
  });

  test("a relay that no longer answers is replaced once for both, at another sidecar if there is one", async () => {
    const south = await Sidecar.open(game, { name: "south" });
    await south.hello({ relay: FAR.relay, addresses: FAR.addresses });
    const id = await meet(RANDOM, RANDOM);
    await north.next("allocate");
    north.say(allocated(id));
    await at.next("connect.relay");
    await to.next("connect.relay");
    const lost = (port: number): object => ({ connection_id: id, lost: { address: "198.51.100.9", port } });
    const asked = ann.ask("POST", `lobbies/${lobby}/relays`, { body: lost(30_000) });
    const { relay: next } = await south.next("allocate");
    expect(next).not.toBe(id);
    const ends = [31_000, 31_001].map((port) => ({ address: "198.51.100.77", port }));
    south.say({ ...allocated(next), ends });
    expect(await fits(await asked, 200, relay)).toMatchObject(ends[0]!);
    expect((await to.next("connect.relay")).data).toMatchObject({ relay: ends[1] });
    const again = await bob.ask("POST", `lobbies/${lobby}/relays`, { body: lost(30_001) });
    expect(await fits(again, 200, relay)).toMatchObject(ends[1]!);
    expect(await south.rest()).toStrictEqual([]);
    expect(await north.rest()).toStrictEqual([{ t: "release", relay: id }]);
  });

  test("the relays of a sidecar that restarted are allocated again", async () => {
    const id = await meet(RANDOM, RANDOM);
    await north.next("allocate");
    north.say(allocated(id));
    await at.next("connect.relay");
    const restarted = await Sidecar.open(game, { epoch: "epoch-two" });
    await restarted.hello({ relay: RELAY });
    const asked = ann.ask("POST", `lobbies/${lobby}/relays`, { body: { connection_id: id } });
    await restarted.next("allocate");
    restarted.say(allocated(id));
    expect((await asked).status).toBe(200);
  });

  test("a requested relay is allocated at once while the direct path is tried", async () => {
    const reach = await reachOf(ann, ANN);
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach, with_relay: true });
    await accepts(bob, connection_id, await reachOf(bob, BOB));
    await north.next("allocate");
    expect((await at.next("connect.punch")).data).toMatchObject({ verdict: "direct" });
    north.say(allocated(connection_id));
    expect((await to.next("connect.relay")).data).toMatchObject({ relay: { port: 30_001 } });
  });

  test("a relay can be requested later and again, and the other peer gets its end", async () => {
    const id = await meet({}, {});
    await north.next("allocate");
    north.say(unallocated(id, "source_share"));
    await north.rest();
    await reports(ann, id, { path: "direct" });
    await reports(bob, id, { path: "direct" });
    const asked = bob.ask("POST", `lobbies/${lobby}/relays`, { body: { connection_id: id } });
    await north.next("allocate");
    north.say(allocated(id));
    expect(await fits(await asked, 200, relay)).toMatchObject({ address: "198.51.100.9", port: 30_001 });
    const { data } = await at.next("connect.relay");
    expect(data).toMatchObject({ relay: { port: 30_000 } });
    expect(data).not.toHaveProperty("pair_key");
    expect(
      await fits(await bob.ask("POST", `lobbies/${lobby}/relays`, { body: { connection_id: id } }), 200, relay),
    ).toMatchObject({ port: 30_001 });
    expect(await north.rest()).toStrictEqual([]);
    // A relay that ended is allocated again.
    north.say(unallocated(id, "idle"));
    await north.rest();
    const again = ann.ask("POST", `lobbies/${lobby}/relays`, { body: { connection_id: id } });
    await north.next("allocate");
    north.say(allocated(id));
    expect(await fits(await again, 200, relay)).toMatchObject({ port: 30_000 });
  });

  test("a relay is released when a peer ends the connection, and when both have left the lobby", async () => {
    const relayed = async (): Promise<string> => {
      const id = await meet({}, {});
      const asked = bob.ask("POST", `lobbies/${lobby}/relays`, { body: { connection_id: id } });
      await north.next("allocate");
      north.say(allocated(id));
      await asked;
      return id;
    };
    const first = await relayed();
    await ann.ask("POST", `connections/${first}/withdraw`);
    expect(await north.next("release")).toStrictEqual({ t: "release", relay: first });
    north.say(unallocated(first, "released"));

    const second = await relayed();
    await bob.ask("DELETE", `lobbies/${lobby}/members/${bob.id}`);
    expect(await north.rest()).toStrictEqual([]);
    await ann.ask("DELETE", `lobbies/${lobby}/members/${ann.id}`);
    expect(await north.next("release")).toStrictEqual({ t: "release", relay: second });
  });

  test("a failed allocation does not affect the direct path", async () => {
    const id = await meet({}, {});
    await north.next("allocate");
    north.say(unallocated(id, "source_share"));
    await north.rest();
    expect(await reads(ann, id)).toMatchObject({ state: "introduced" });
    const asked = ann.refused("POST", `lobbies/${lobby}/relays`, { body: { connection_id: id } });
    await north.next("allocate");
    north.say(unallocated(id, "source_share"));
    expect(await asked).toBe("relay_budget_exhausted");
    expect(await reads(ann, id)).toMatchObject({ state: "introduced" });
    expect(await meetings(at)).toStrictEqual(["connect.punch"]);
  });
});

describe("the choice of a sidecar", () => {
  test("sidecars are tried in turn: those that both peers reached first, then the next if one is full or silent", async () => {
    const far = await Sidecar.open(game, { name: "a-far-one" });
    await far.hello(FAR);
    const id = await meet(RANDOM, RANDOM);
    await north.next("allocate");
    north.say(unallocated(id, "exhausted"));
    await far.next("allocate");
    await timePasses(game, RELAY_ANSWER_MS + 1_500);
    const failed = { reason: "misc_relay_exhausted", code: 5_100, state: "introduced" };
    for (const subscriber of [at, to]) expect((await subscriber.next("connect.failed")).data).toMatchObject(failed);
    // A late reply is ignored.
    far.say(allocated(id));
    expect(await far.rest()).toStrictEqual([]);
    expect(await meetings(at)).toStrictEqual([]);
  });

  test("a reply of another sidecar is ignored", async () => {
    const far = await Sidecar.open(game, { name: "a-far-one" });
    await far.hello(FAR);
    const id = await meet(RANDOM, RANDOM);
    await north.next("allocate");
    far.say(allocated(id));
    await far.rest();
    north.say(allocated(id));
    expect((await at.next("connect.relay")).data).toMatchObject({ relay: { address: "198.51.100.9" } });
    expect(await meetings(at)).toStrictEqual([]);
  });

  test("only sidecars that relay are tried; without one both peers are notified", async () => {
    north.close();
    await north.closed;
    const plain = await Sidecar.link(game);
    const id = await meet(RANDOM, RANDOM);
    const failed = { connection_id: id, reason: "misc_relay_unavailable", code: 5_101 };
    for (const subscriber of [at, to]) expect((await subscriber.next("connect.failed")).data).toMatchObject(failed);
    expect(await plain.rest()).toStrictEqual([]);
    const second = await meet({}, {});
    const body = { connection_id: second };
    expect(await ann.refused("POST", `lobbies/${lobby}/relays`, { body })).toBe("relay_unavailable");
  });
});

describe("what operators set for relays", () => {
  const LEAST = RELAY_DAY_BYTES_MIN;
  const sets = async (body: object): Promise<void> => {
    const headers = { authorization: "Bearer admin-key-one-of-tests", "content-type": "application/json" };
    const init = { method: "PUT", headers, body: JSON.stringify(body) };
    expect((await worker(new Request(`${ORIGIN}/v1/admin/games/${game}/relays`, init))).status).toBe(200);
  };

  test("when relays are turned off, existing ones end at once and none is allocated until they are on again", async () => {
    const id = await meet({}, {});
    await north.next("allocate");
    north.say(allocated(id));
    await at.next("connect.relay");
    await sets({ enabled: false, day_bytes_max: null });
    expect(await north.next("release")).toStrictEqual({ t: "release", relay: id, now: true });
    await evictDurableObject(hubFor(game));
    north = await Sidecar.open(game);
    await north.hello({ relay: RELAY });
    const body = { connection_id: await meet({}, {}) };
    expect(await ann.refused("POST", `lobbies/${lobby}/relays`, { body })).toBe("relay_unavailable");
    expect(await north.rest()).toStrictEqual([]);
    await sets({ enabled: true, day_bytes_max: null });
    await meet(RANDOM, RANDOM);
    expect(await north.next("allocate")).not.toHaveProperty("bytes_max");
  });

  test("a sidecar's lookup for its own relay is refused while relays are off", async () => {
    await sets({ enabled: false, day_bytes_max: null });
    await north.report(hosts("Nice", "Alice"));
    expect(heard(await north.report(joins("Nice", "Bob", { silently: true })))).toStrictEqual([[2, "relay_forbidden"]]);
  });

  test("a daily volume is never exceeded, what a relay did not carry is free again, and each day begins at 0", async () => {
    await sets({ enabled: true, day_bytes_max: 2 * LEAST - 1 });
    const first = await meet(RANDOM, RANDOM);
    expect(await north.next("allocate")).toMatchObject({ relay: first, bytes_max: LEAST });
    north.say({ ...allocated(first), bytes_max: LEAST });
    expect((await at.next("connect.relay")).data).toMatchObject({ relay: { budget_bytes: LEAST } });
    await evictDurableObject(hubFor(game));
    north = await Sidecar.open(game);
    await north.hello({ relay: RELAY });
    [at, to] = [await watching(ann, lobby), await watching(bob, lobby)];
    await meet(RANDOM, RANDOM);
    expect((await at.next("connect.failed")).data).toMatchObject({ reason: "misc_relay_exhausted" });
    expect(await north.rest()).toStrictEqual([]);
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + 86_400_000);
    const next = await meet(RANDOM, RANDOM);
    expect(await north.next("allocate")).toMatchObject({ relay: next });
    north.say({ ...allocated(next), bytes_max: LEAST });
    await at.next("connect.relay");
    north.say({ ...unallocated(next, "released"), bytes: 1 });
    await north.rest();
    expect(await inside(game, ({ storage }) => new Store(storage).relayedVolume().bytes)).toBe(1);
  });
});

const meet = (a: object, b: object): Promise<string> =>
  introduces({ ann, bob, lobby }, { ...ANN, ...a }, { ...BOB, ...b });

const allocated = (id: string) => ({
  t: "allocated",
  relay: id,
  ends: [30_000, 30_001].map((port) => ({ address: "198.51.100.9", port })),
  lifetime_ms: 3_600_000,
  bytes_max: 1_000_000,
});

const unallocated = (id: string, why: Unallocated["why"]) => ({ t: "unallocated", relay: id, why });
