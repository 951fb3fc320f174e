/** A noray host lists itself with its pid, for as long as its sidecar's link is up. */
import { beforeEach, describe, expect, test } from "vitest";
import { lobby, type LobbyView, page } from "#shared/api/lobbies.ts";
import { type Summary } from "#shared/listing/summary.ts";
import { problemOf } from "../../support/http-fixture.ts";
import { fits, freeOfCharge } from "../../support/player.ts";
import {
  heard,
  hosts,
  introduced,
  joins,
  leaves,
  newGame,
  ORIGIN,
  POLICY,
  Sidecar,
  worker,
} from "../../support/sidecar.ts";

const OID = "zGTjQcKd3YmoIs5hhjLX9";
const PID =
  "mfU9V5gNYhBmHyi40dWrpJDXA5yuxNHdwo_0QSbZIwI57txp676B4UN8IXB2ZGGifkeKlQOq8lflFDBa8_aIpDvIeF9dY-NryprKFxGHl9ATgIVXGsJueogfoEjaIPAX";
/** As the sidecar computes it: SHA-256 in base64url. */
const DIGEST = "H6nOa8JPDyIwVW4qJrYfmha2IVWKye773seeL9npclY";
const FOREST = { name: "Forest brawl", seats: 8, data: { map: "forest" }, data_rules: { map: { index: true } } };

const TETHERED = {
  ...POLICY,
  lease_ms: null,
  lifetime_ms: null,
  introduces_on_join: true,
  roams: true,
  tethered: true,
};
const hosting = hosts(OID, OID, { wire: "noray", seats: null, memory: DIGEST, policy: TETHERED });

beforeEach(freeOfCharge);

/** A sidecar with one registered host. */
async function registered(game: string): Promise<Sidecar> {
  const sidecar = await Sidecar.open(game);
  await sidecar.hello({ noray: 8_890 });
  await sidecar.report(hosting);
  return sidecar;
}

const ask = (game: string, body: object, proof = `${OID}:${PID}`): Promise<Response> =>
  worker(
    new Request(`${ORIGIN}/v1/games/${game}/lobbies`, {
      method: "POST",
      headers: { authorization: `Noray ${proof}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );

const publishes = async (game: string, body: object, status = 201): Promise<LobbyView> =>
  fits(await ask(game, body), status, lobby);

async function listed(game: string, query = ""): Promise<readonly Summary[]> {
  const response = await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies${query}`));
  return (await fits(response, 200, page)).lobbies;
}

describe("noray hosts", () => {
  test("a noray host is unlisted until it lists itself with its data and join URI", async () => {
    const game = newGame();
    await registered(game);
    expect(await listed(game)).toStrictEqual([]);
    const response = await ask(game, FOREST);
    const view = await fits(response.clone(), 201, lobby);
    expect(response.headers.get("location")).toBe(`/v1/games/${game}/lobbies/${view.id}`);
    expect(await listed(game)).toMatchObject([
      {
        name: "Forest brawl",
        wire: "noray",
        member_count: 1,
        seats: 8,
        data: { map: "forest" },
        join: { uri: `noray://198.51.100.9:8890/${OID}` },
      },
    ]);
    expect(view.join).toStrictEqual({
      wire: "noray",
      session: OID,
      uri: `noray://198.51.100.9:8890/${OID}`,
    });
    expect(await listed(game, "?data[map]=forest&slots[gte]=7&wire=noray")).toHaveLength(1);
  });

  test("every request replaces the whole listing and may unlist it", async () => {
    const game = newGame();
    await registered(game);
    const { id } = await publishes(game, FOREST);
    expect(await publishes(game, { name: "Two" }, 200)).toMatchObject({ id, name: "Two", seats: null, data: {} });
    expect(await publishes(game, { name: "Two", joinable: false }, 200)).toMatchObject({ joinable: false });
    expect(await listed(game)).toStrictEqual([]);
    await publishes(game, { name: "Two", visibility: "unlisted" }, 200);
    expect(await listed(game, "?include=closed,full")).toStrictEqual([]);
    await publishes(game, FOREST);
    expect(await listed(game)).toHaveLength(1);
  });

  test("only the pid authenticates a noray host", async () => {
    const game = newGame();
    await registered(game);
    for (const proof of [`${OID}:${PID.slice(1)}`, `${OID}:${DIGEST}`, `${OID}:${OID}`]) {
      const response = await ask(game, FOREST, proof);
      expect(response.status).toBe(401);
      expect((await problemOf(response))["code"]).toBe("unauthorized");
    }
    expect((await problemOf(await ask(game, FOREST, `Nobody:${PID}`)))["code"]).toBe("lobby_not_found");
    expect((await problemOf(await ask(game, FOREST, "no proof at all")))["code"]).toBe("unauthorized");
    expect((await problemOf(await ask(game, { seats: 8 })))["code"]).toBe("invalid_request");
    expect(await listed(game)).toStrictEqual([]);
  });

  test("a listed noray host is joined by its oid, and by nobody over HTTP", async () => {
    const game = newGame();
    const sidecar = await registered(game);
    await publishes(game, { ...FOREST, joinable: false });
    const guest = joins(OID, "guest", { wire: "noray" });
    expect(heard(await sidecar.report(guest))).toStrictEqual([
      [OID, introduced("guest")],
      [2, introduced(OID)],
    ]);
  });

  test("a noray host is unlisted when its connection ends", async () => {
    const game = newGame();
    const sidecar = await registered(game);
    const { id } = await publishes(game, FOREST);
    await sidecar.report({ ...leaves(OID, OID), wire: "noray" });
    expect(await listed(game)).toStrictEqual([]);
    expect((await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies/${id}`))).status).toBe(404);
  });

  test("a noray host is unlisted when its sidecar's link ends, and listed again with it", async () => {
    const game = newGame();
    const sidecar = await registered(game);
    await publishes(game, FOREST);
    sidecar.close();
    await sidecar.closed;
    expect(await listed(game)).toStrictEqual([]);
    await Sidecar.link(game);
    expect(await listed(game)).toHaveLength(1);
  });

  test("a listing has no join URI if the sidecar does not know its address", async () => {
    const game = newGame();
    const sidecar = await Sidecar.open(game);
    await sidecar.hello({ noray: 8_890, addresses: ["2001:db8::1"] });
    await sidecar.report(hosting);
    expect((await publishes(game, FOREST)).join).not.toHaveProperty("uri");
  });

  test("no response reveals a pid, its digest or the host's address", async () => {
    const game = newGame();
    await registered(game);
    const text = await (await ask(game, FOREST)).text();
    const { address, port } = hosting.endpoint;
    for (const secret of [PID, DIGEST, `${address}:${port}`, address]) expect(text).not.toContain(secret);
  });
});
