/** The list over UDP: what stands in it, what fits, how often it is said, and from where it comes. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { LIST_KEPT_MS, LIST_REPLY_BYTES_MAX } from "#shared/limits.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { Exchange } from "../../../udp-sidecar/core/exchange.ts";
import { LobbyListCache } from "../../../udp-sidecar/core/lobby-list-cache.ts";
import { Secret } from "../../../udp-sidecar/config/secret.ts";
import { dowsett } from "../../../udp-sidecar/protocols/dowsett.ts";
import { Counters } from "../../../udp-sidecar/core/counters.ts";
import { at, HOME, LIMITS, type Place, type Rig, type Sent, SHARED_PORT, T0 } from "../../support/exchange.ts";
import { listing, pair, read, registering, sign, signedWith } from "../../support/dowsett.ts";
import { dowsettRig, on, passwordOf } from "../support/dowsett-script.ts";

const PASSWORD = passwordOf("L");

describe("the list", () => {
  test("of no servers is an answer like any other", async () => {
    const [answer] = await asked(dowsettRig());
    expect(answer!.to).toStrictEqual(at("L"));
    expect(signedWith(answer!.bytes, PASSWORD)).toBe(true);
    expect(read(answer!.bytes)).toStrictEqual({
      servers: [],
      __type: "providing-server-list",
      "__destination-name": null,
      "__destination-address": pair(at("L")),
      "__sender-name": null,
      "__hash-string": expect.any(String) as string,
    });
  });

  test("of one says its name and whether its players ask for a password", async () => {
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

  test("of 200 holds as many of the newest as one datagram carries on every path", async () => {
    const names = Array.from({ length: 200 }, (_, index) => `Server${index}`);
    const rig = hosting(names);
    const [answer] = await asked(rig);
    expect(answer!.bytes.length).toBeLessThanOrEqual(LIST_REPLY_BYTES_MAX);
    expect(LIST_REPLY_BYTES_MAX).toBe(1_232);
    const said = namesIn(answer!);
    expect(said.length).toBeGreaterThan(15);
    expect(said).toStrictEqual(names.toReversed().slice(0, said.length));
    // One more would not have gone in.
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
    rig.say("B", "h:Rabid:Bob:4", { via: SHARED_PORT });
    expect(rig.hub.lobby("Rabid", "rabid")).toBeDefined();
    expect((await servers(rig)).map(({ name }) => name)).toStrictEqual(["Nice"]);
  });

  test("does not hold servers that nobody has heard since their sidecar died", async () => {
    const rig = hosting(["Nice", "Other"]);
    rig.restart("north");
    expect(await servers(rig)).toStrictEqual([]);
    on(rig)(`
      A> refresh Other
      A< refreshed Other
    `);
    expect((await servers(rig)).map(({ name }) => name)).toStrictEqual(["Other"]);
  });

  test("is said to who asks inside a session by his name, and leaves from the port that was asked", async () => {
    const [answer] = await asked(hosting(["Nice"]), { name: "Bob", place: { via: SHARED_PORT } });
    expect(answer!.via).toBe(SHARED_PORT);
    expect(read(answer!.bytes)["__destination-name"]).toBe("Bob");
    expect(signedWith(answer!.bytes, PASSWORD)).toBe(true);
  });

  test("is not said to who signs with another password than he says", async () => {
    const rig = hosting(["Nice"]);
    const from = rig.sent.length;
    rig.say(at("L"), sign(listing(null, { password: "other" }), PASSWORD));
    rig.say(at("L"), sign(listing(null, { password: undefined }), PASSWORD));
    await settled();
    expect(rig.sent).toHaveLength(from);
  });
});

describe("how often", () => {
  test("a source hears so many lists, and other sources are not kept waiting by it", async () => {
    const rig = dowsettRig({ limits: { list: { per_s: 2, burst: 5 } } });
    for (let round = 0; round < 50; round++) rig.say({ ...at("L"), port: 1_000 + round }, sign(listing(), PASSWORD));
    await settled();
    expect(rig.sent).toHaveLength(5);
    expect(rig.sidecar().counters.get("dropped", "list_rate")).toBe(45);
    expect(await asked(rig, { from: at("M") })).toHaveLength(1);
    expect(await asked(rig)).toHaveLength(0);
    rig.pass(500);
    expect(await asked(rig)).toHaveLength(1);
    expect(await asked(rig)).toHaveLength(0);
    // Registering has a budget of its own.
    expect(rig.say(at("L"), sign(registering("Nice"), PASSWORD))).toHaveLength(1);
  });

  test("a request with a wrong hash costs nobody's budget", async () => {
    const rig = dowsettRig({ limits: { list: { per_s: 1, burst: 1 } } });
    for (let round = 0; round < 20; round++) rig.say(at("L"), sign(listing(null, { password: "other" }), PASSWORD));
    expect(await asked(rig)).toHaveLength(1);
  });
});

describe("where it comes from", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("the public list of the wire, read once a second however many ask", async () => {
    const urls: string[] = [];
    vi.stubGlobal("fetch", (url: URL, { headers }: { headers: object }) => {
      urls.push(url.href);
      expect(headers).toStrictEqual({ authorization: "Bearer key-one" });
      return Promise.resolve(Response.json({ lobbies: [{ name: "Nice" }] }));
    });
    const lists = new LobbyListCache(new URL("http://hub.example"), new Secret("key-one"), "chess");
    const all = await Promise.all(Array.from({ length: 20 }, () => lists.get("dowsett", T0)));
    expect(all).toHaveLength(20);
    for (const lobbies of all) expect(lobbies).toStrictEqual([{ name: "Nice" }]);
    await lists.get("dowsett", T0 + LIST_KEPT_MS - 1);
    expect(urls).toStrictEqual(["http://hub.example/v1/games/chess/lobbies?wire=dowsett&include=full&limit=100"]);
    await lists.get("dowsett", T0 + LIST_KEPT_MS);
    expect(urls).toHaveLength(2);
  });

  test.each([
    ["cannot be reached", () => Promise.reject(new Error("refused"))],
    ["answers that it is broken", () => Promise.resolve(new Response("{}", { status: 503 }))],
    ["answers no JSON", () => Promise.resolve(new Response("<html>"))],
  ])("a hub that %s gives no list", async (_, fetch) => {
    vi.stubGlobal("fetch", fetch);
    expect(
      await new LobbyListCache(new URL("http://hub.example"), new Secret("key-one"), "chess").get("dowsett", T0),
    ).toBeNull();
  });

  test("without a list there is silence: the client asks again", async () => {
    const sent: Uint8Array[] = [];
    const counters = new Counters();
    const out = {
      send: (_via: number, _to: Endpoint, bytes: Uint8Array) => void sent.push(bytes),
      report: () => true,
      listLobbies: () => Promise.resolve(null),
      pendingFrom: () => ({ lobbies: 0, memberships: 0 }),
      isLinked: () => true,
    };
    const exchange = new Exchange([dowsett({ sharesLocal: true })], LIMITS, out, counters);
    const datagram = { bytes: sign(listing(), PASSWORD), endpoint: at("L"), via: HOME.via, exclusive: true };
    exchange.handleDatagram(datagram, ["dowsett"], T0);
    await settled();
    expect(sent).toStrictEqual([]);
    expect(counters.get("dropped", "no_hub")).toBe(1);
  });
});

type Asking = { readonly name?: string | null; readonly from?: Endpoint; readonly place?: Place };

/** What leaves because of a question for the list. */
async function asked(rig: Rig, { name = null, from = at("L"), place = {} }: Asking = {}): Promise<Sent[]> {
  const before = rig.sent.length;
  rig.say(from, sign(listing(name), PASSWORD), place);
  await settled();
  return rig.sent.slice(before);
}

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

type Server = { readonly name: string; readonly "password-required": boolean };

const serversIn = ({ bytes }: Sent): Server[] => read(bytes)["servers"] as Server[];
const namesIn = (sent: Sent): string[] => serversIn(sent).map(({ name }) => name);
const servers = async (rig: Rig): Promise<Server[]> => serversIn((await asked(rig))[0]!);

/** These servers, all of A's, made one after the other. */
function hosting(names: readonly string[]): Rig {
  const rig = dowsettRig();
  for (const name of names) {
    rig.say("A", sign(registering(name), passwordOf("A")));
    rig.pass(10);
  }
  expect(rig.hub.directory.size).toBe(names.length);
  return rig;
}
