/** The lobby list over UDP: its content, its size, its rate limit, and its source. */
import { describe, expect, test } from "vitest";
import { LIST_PAGE_MS, LIST_REPLY_BYTES_MAX } from "#shared/limits.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { Exchange } from "../../../udp-sidecar/core/exchange.ts";
import { dowsett } from "../../../udp-sidecar/protocols/dowsett.ts";
import { SendCredit } from "../../../udp-sidecar/core/send-credit.ts";
import { Counters } from "../../../udp-sidecar/core/counters.ts";
import {
  endpointOf,
  HOME,
  LIMITS,
  type Destination,
  type Rig,
  type Sent,
  SHARED_PORT,
  T0,
} from "../../support/exchange.ts";
import { listing, pair, read, registering, sign, signedWith } from "../../support/dowsett.ts";
import { dowsettRig, on, passwordOf } from "../support/dowsett-script.ts";

const PASSWORD = passwordOf("L");

describe("the list", () => {
  test("of no servers is a normal reply", async () => {
    const [answer] = await asked(dowsettRig());
    expect(answer!.to).toStrictEqual(endpointOf("L"));
    expect(signedWith(answer!.bytes, PASSWORD)).toBe(true);
    expect(read(answer!.bytes)).toStrictEqual({
      servers: [],
      __type: "providing-server-list",
      "__destination-name": null,
      "__destination-address": pair(endpointOf("L")),
      "__sender-name": null,
      "__hash-string": expect.any(String) as string,
    });
  });

  test("of one has its name and whether a password is required", async () => {
    expect(await servers(hosting(["Nice"]))).toStrictEqual([{ name: "Nice", "password-required": false }]);
    const rig = dowsettRig();
    on(rig)(`
      A> register Nice locked
      A< confirmed Nice
    `);
    expect(await servers(rig)).toStrictEqual([{ name: "Nice", "password-required": true }]);
    on(rig)(`
      A> drop Nice
    `);
    expect(await servers(rig)).toStrictEqual([]);
  });

  test("of 200 has as many of the newest as one datagram carries on every path", async () => {
    const names = Array.from({ length: 200 }, (_, index) => `Server${index}`);
    const rig = hosting(names);
    const [answer] = await asked(rig);
    expect(answer!.bytes.length).toBeLessThanOrEqual(LIST_REPLY_BYTES_MAX);
    expect(LIST_REPLY_BYTES_MAX).toBe(1_232);
    const said = namesIn(answer!);
    expect(said.length).toBeGreaterThan(15);
    expect(said).toStrictEqual(names.toReversed().slice(0, said.length));
    // One more would not fit.
    const next = JSON.stringify({ name: names[199 - said.length], "password-required": false });
    expect(answer!.bytes.length + next.length + 1).toBeGreaterThan(LIST_REPLY_BYTES_MAX);
    expect(signedWith(answer!.bytes, PASSWORD)).toBe(true);
  });

  test("counts bytes, not characters", async () => {
    const names = Array.from({ length: 30 }, (_, index) => `${"😀".repeat(62)}${10 + index}`);
    const [answer] = await asked(hosting(names));
    expect(answer!.bytes.length).toBeLessThanOrEqual(LIST_REPLY_BYTES_MAX);
    expect(namesIn(answer!)).toStrictEqual(names.toReversed().slice(0, 3));
  });

  test("escapes what JSON must escape, and still fits", async () => {
    const names = Array.from({ length: 40 }, (_, index) => `${'"\\'.repeat(20)}${index}`);
    const [answer] = await asked(hosting(names));
    expect(answer!.bytes.length).toBeLessThanOrEqual(LIST_REPLY_BYTES_MAX);
    expect(namesIn(answer!)[0]).toBe(names[39]);
  });

  test("does not hold lobbies of other wires", async () => {
    const rig = hosting(["Nice"]);
    rig.send("B", "h:Rabid:Bob:4", { via: SHARED_PORT });
    expect(rig.hub.lobby("Rabid", "rabid")).toBeDefined();
    expect((await servers(rig)).map(({ name }) => name)).toStrictEqual(["Nice"]);
  });

  test("does not hold restored servers that have not sent yet", async () => {
    const rig = hosting(["Nice", "Other"]);
    rig.restart("north");
    expect(await servers(rig)).toStrictEqual([]);
    on(rig)(`
      A> refresh Other
      A< refreshed Other
    `);
    expect((await servers(rig)).map(({ name }) => name)).toStrictEqual(["Other"]);
  });

  test("has the name of a client that asks inside a session, and leaves from the port that was asked", async () => {
    const [answer] = await asked(hosting(["Nice"]), { name: "Bob", place: { via: SHARED_PORT } });
    expect(answer!.via).toBe(SHARED_PORT);
    expect(read(answer!.bytes)["__destination-name"]).toBe("Bob");
    expect(signedWith(answer!.bytes, PASSWORD)).toBe(true);
  });

  test("is not sent if the packet is signed with another password than it contains", async () => {
    const rig = hosting(["Nice"]);
    const from = rig.sent.length;
    rig.send(endpointOf("L"), sign(listing(null, { password: "other" }), PASSWORD));
    rig.send(endpointOf("L"), sign(listing(null, { password: undefined }), PASSWORD));
    await settled();
    expect(rig.sent).toHaveLength(from);
  });
});

describe("a list that does not fit one datagram", () => {
  test.each([22, 40, 60])("of %i shows each server within three requests", async (count) => {
    const names = Array.from({ length: count }, (_, index) => `A server ${index}`);
    const rig = hosting(names);
    const seen = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const [answer] = await asked(rig);
      expect(answer!.bytes.length).toBeLessThanOrEqual(LIST_REPLY_BYTES_MAX);
      for (const name of namesIn(answer!)) seen.add(name);
      rig.advance(1_000);
    }
    expect(seen.size).toBe(count);
  });

  test("begins with the newest for each client, and again after a while", async () => {
    const rig = hosting(Array.from({ length: 40 }, (_, index) => `A server ${index}`));
    const first = async (from: string) => namesIn((await asked(rig, { from: endpointOf(from) }))[0]!)[0];
    expect([await first("L"), await first("M"), await first("N")]).toStrictEqual(Array(3).fill("A server 39"));
    expect(await first("L")).not.toBe("A server 39");
    rig.advance(LIST_PAGE_MS);
    expect(await first("L")).toBe("A server 39");
  });

  test("has a server that registered just now, at either sidecar, 12 of 12 times", async () => {
    const rig = dowsettRig();
    for (let round = 0; round < 12; round++) {
      rig.send("A", sign(registering(`Server${round}`), passwordOf("A")));
      for (const sidecar of ["north", "south"]) {
        const from = { ...endpointOf("L"), port: 2_000 + 2 * round + (sidecar === "north" ? 0 : 1) };
        const [answer] = await asked(rig, { from, place: { sidecar } });
        expect(namesIn(answer!)[0]).toBe(`Server${round}`);
      }
      rig.advance(500);
    }
  });
});

describe("the rate limit of lists", () => {
  test("limits one source and does not delay others", async () => {
    const rig = dowsettRig({ limits: { list: { per_s: 2, burst: 5 } } });
    for (let round = 0; round < 50; round++)
      rig.send({ ...endpointOf("L"), port: 1_000 + round }, sign(listing(), PASSWORD));
    await settled();
    expect(rig.sent).toHaveLength(5);
    expect(rig.sidecar().counters.get("dropped", "list_rate")).toBe(45);
    expect(await asked(rig, { from: endpointOf("M") })).toHaveLength(1);
    expect(await asked(rig)).toHaveLength(0);
    rig.advance(500);
    expect(await asked(rig)).toHaveLength(1);
    expect(await asked(rig)).toHaveLength(0);
    // Registration has a separate budget.
    expect(rig.send(endpointOf("L"), sign(registering("Nice"), PASSWORD))).toHaveLength(1);
  });

  test("does not count a request with a wrong hash", async () => {
    const rig = dowsettRig({ limits: { list: { per_s: 1, burst: 1 } } });
    for (let round = 0; round < 20; round++)
      rig.send(endpointOf("L"), sign(listing(null, { password: "other" }), PASSWORD));
    expect(await asked(rig)).toHaveLength(1);
  });
});

describe("the source of the list", () => {
  test("a request without an available list gets no reply: the client retries", async () => {
    const sent: Uint8Array[] = [];
    const counters = new Counters();
    const out = {
      credit: new SendCredit(),
      send: (_via: number, _to: Endpoint, bytes: Uint8Array) => void sent.push(bytes),
      report: () => true,
      listLobbies: () => null,
      pendingFrom: () => ({ lobbies: 0, memberships: 0 }),
      isLinked: () => true,
    };
    const exchange = new Exchange([dowsett({ sharesLocal: true })], LIMITS, out, counters);
    const datagram = { bytes: sign(listing(), PASSWORD), endpoint: endpointOf("L"), via: HOME.via, exclusive: true };
    exchange.handleDatagram(datagram, ["dowsett"], T0);
    await settled();
    expect(sent).toStrictEqual([]);
    expect(counters.get("dropped", "no_hub")).toBe(1);
  });
});

type Asking = { readonly name?: string | null; readonly from?: Endpoint; readonly place?: Destination };

/** The replies to a request for the list. */
async function asked(rig: Rig, { name = null, from = endpointOf("L"), place = {} }: Asking = {}): Promise<Sent[]> {
  const before = rig.sent.length;
  rig.send(from, sign(listing(name), PASSWORD), place);
  await settled();
  return rig.sent.slice(before);
}

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

type Server = { readonly name: string; readonly "password-required": boolean };

const serversIn = ({ bytes }: Sent): Server[] => read(bytes)["servers"] as Server[];
const namesIn = (sent: Sent): string[] => serversIn(sent).map(({ name }) => name);
const servers = async (rig: Rig): Promise<Server[]> => serversIn((await asked(rig))[0]!);

/** These servers, all hosted by A, created in this order. */
function hosting(names: readonly string[]): Rig {
  const rig = dowsettRig();
  for (const name of names) {
    rig.send("A", sign(registering(name), passwordOf("A")));
    rig.advance(10);
  }
  expect(rig.hub.directory.size).toBe(names.length);
  return rig;
}
