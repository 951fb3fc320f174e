import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Reach } from "#shared/connect/schema.ts";
import { CONNECTIONS_PER_PEER_MAX, RECEIPT_MS, SILENT_MS } from "#shared/limits.ts";
import { ConnectionTable } from "../../../../worker/hub/connections/connection-table.ts";
import { lobbyRows, timePasses } from "../../support/hub-inspector.ts";
import {
  accepts,
  asksFor,
  reachOf,
  receipt,
  reports,
  watching,
  membersOfOneLobby,
} from "../../support/introduction.ts";
import { Player } from "../../support/player.ts";
import { hosts, Sidecar } from "../../support/sidecar.ts";
import { EventsClient } from "../../support/subscriber.ts";

const ANN = { address: "20.0.1.1" };
const BOB = { address: "20.0.2.1" };
const NOTHING = `0-${"z".repeat(26)}`;

let ann: Player;
let bob: Player;
let eve: Player;
let game = "";
let lobby = "";
beforeEach(async () => {
  ({ game, ann, bob, lobby } = await membersOfOneLobby());
  eve = await Player.of(game);
});

const asking = (player: Player, body: unknown, id = lobby): Promise<string> =>
  player.refused("POST", `lobbies/${id}/connections`, { body });

describe("a request for a connection is refused", () => {
  test("from a non-member, which does not learn of a private lobby", async () => {
    expect(await asking(eve, { peer_id: bob.id })).toBe("not_member");
    expect(await eve.refused("GET", `lobbies/${lobby}/connections`)).toBe("not_member");
    expect(await eve.refused("POST", `lobbies/${lobby}/invitations`)).toBe("not_member");
    await ann.patches(lobby, { visibility: "private" });
    for (const id of [lobby, NOTHING, "nonsense", "zz-"]) {
      expect(await asking(eve, { peer_id: bob.id }, id)).toBe("lobby_not_found");
      expect(await eve.refused("GET", `lobbies/${id}/connections`)).toBe("lobby_not_found");
      expect(await eve.refused("POST", `lobbies/${id}/invitations`)).toBe("lobby_not_found");
    }
  });

  test("to a peer that is no member or has left, or to itself", async () => {
    expect(await asking(ann, { peer_id: eve.id })).toBe("member_not_found");
    expect(await asking(ann, { peer_id: ann.id })).toBe("invalid_request");
    await bob.ask("DELETE", `lobbies/${lobby}/members/${bob.id}`);
    expect(await asking(ann, { peer_id: bob.id })).toBe("member_not_found");
  });

  test("to a member that is away", async () => {
    const mine = await watching(ann, lobby);
    vi.setSystemTime(Date.now() + SILENT_MS);
    await mine.ping();
    await ann.beats(lobby);
    await timePasses(game, 1_000);
    expect((await ann.sees(lobby)).members).toMatchObject([{ state: "present" }, { state: "away" }]);
    expect(await asking(ann, { peer_id: bob.id })).toBe("member_timeout");
  });

  test("over another wire", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const { id } = (await lobbyRows(game)).find(({ wire }) => wire === "rabid")!;
    expect(await asking(ann, { peer_id: bob.id }, id)).toBe("foreign_wire");
  });

  test("without a token, or too often", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.restoreAllMocks();
    const codes: string[] = [];
    for (let at = 0; at < 130; at++) {
      const { status } = await ann.ask("POST", `connections/${NOTHING}/withdraw`);
      codes.push(String(status));
    }
    expect([codes.indexOf("429"), codes[0]]).toStrictEqual([128, "404"]);
  });

  test("from a peer with too many open requests", async () => {
    const spy = vi.spyOn(ConnectionTable.prototype, "ofPeer");
    const open = { state: "waiting", parties: [{ peer: ann.id }, { peer: eve.id }] };
    const begun = (count: number) => spy.mockReturnValue(Array.from({ length: count }, () => open) as never);
    begun(CONNECTIONS_PER_PEER_MAX);
    expect(await asking(ann, { peer_id: bob.id })).toBe("quota_exceeded");
    begun(CONNECTIONS_PER_PEER_MAX - 1);
    expect(await asksFor(ann, lobby, { peer_id: bob.id })).toMatchObject({ state: "waiting" });
  });
});

describe("a reach is refused", () => {
  const forged = async (change: (reach: Reach) => Promise<Reach> | Reach): Promise<string> =>
    asking(ann, { peer_id: bob.id, reach: await change(await reachOf(ann, ANN)) });
  const withReceipt = (reach: Reach, text: string): Reach => ({
    ...reach,
    looks: reach.looks.map((look, at) => (at === 1 ? { ...look, receipt: text } : look)),
  });
  const victim = { address: "45.0.0.1", port: 53 };

  test("with a receipt of another peer or game, or that no sidecar signed", async () => {
    expect(await forged(async (reach) => withReceipt(reach, await receipt(game, eve.id, victim)))).toBe(
      "invalid_request",
    );
    expect(await forged(async (reach) => withReceipt(reach, await receipt("other", ann.id, victim)))).toBe(
      "invalid_request",
    );
    expect(
      await forged((reach) => withReceipt(reach, `${reach.looks[0]!.receipt.slice(0, -22)}${"A".repeat(22)}`)),
    ).toBe("invalid_request");
  });

  test("with a receipt that is too old or from the future", async () => {
    for (const ms of [-RECEIPT_MS - 1, RECEIPT_MS + 1]) {
      const old = await receipt(game, ann.id, victim, Date.now() + ms);
      expect(await forged((reach) => withReceipt(reach, old))).toBe("receipt_expired");
    }
    for (const ms of [-RECEIPT_MS, RECEIPT_MS]) {
      const reach = await reachOf(ann, { ...ANN, seen_at: Date.now() + ms });
      expect(await asksFor(ann, lobby, { peer_id: bob.id, reach })).toMatchObject({ state: "waiting" });
    }
  });

  test("with invalid addresses, or too many", async () => {
    const host = { address: "192.168.1.10", port: 40_000 };
    const wrong: Partial<Reach>[] = [
      { local_endpoints: [{ address: "192.168.1.256", port: 1 }] },
      { local_endpoints: [{ address: "router.local", port: 1 }] },
      { local_endpoints: [{ ...host, port: 0 }] },
      { local_endpoints: Array.from({ length: 9 }, () => host) },
      { attempt: 16 },
      { epoch: 256 },
      { rtt_ms: "fast" as never },
    ];
    for (const parts of wrong) expect(await forged((reach) => ({ ...reach, ...parts }))).toBe("invalid_request");
    const many = await reachOf(ann, ANN);
    const looks = Array.from({ length: 33 }, () => many.looks[0]!);
    expect(await forged((reach) => ({ ...reach, looks }))).toBe("invalid_request");
  });
});

describe("a connection", () => {
  test("is visible to its two peers only", async () => {
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach: await reachOf(ann, ANN) });
    await eve.enters(lobby);
    for (const id of [connection_id, NOTHING, "nonsense", `1-${"z".repeat(26)}`]) {
      const path = `connections/${id}`;
      expect(await eve.refused("GET", path)).toBe("connection_not_found");
      expect(await eve.refused("POST", `${path}/deny`)).toBe("connection_not_found");
      expect(await eve.refused("POST", `${path}/accept`, { body: {} })).toBe("connection_not_found");
      expect(await eve.refused("PUT", `${path}/outcome`, { body: { path: "direct" } })).toBe("connection_not_found");
    }
    const body = { connection_id };
    expect(await eve.refused("POST", `lobbies/${lobby}/relays`, { body })).toBe("connection_not_found");
    const subscriber = await watching(eve, lobby);
    for (const word of ["accept", "deny"]) {
      const { data } = await subscriber.ask(word, body);
      expect(data).toMatchObject({ problem: { code: "connection_not_found" } });
    }
    expect(await eve.ask("GET", `lobbies/${lobby}/connections`).then((answer) => answer.json())).toStrictEqual({
      connections: [],
    });
  });

  test("is accepted only with a token, and with a valid reach", async () => {
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id });
    const stranger = await EventsClient.greet(game, undefined, { lobby });
    expect((await stranger.ask("accept", { connection_id })).data).toMatchObject({ problem: { code: "unauthorized" } });
    const theirs = await watching(bob, lobby);
    const reach = await reachOf(ann, ANN);
    const answer = await theirs.ask("accept", { connection_id, reach });
    expect(answer.data).toMatchObject({ problem: { code: "invalid_request" } });
    expect(await bob.refused("POST", `connections/${connection_id}/accept`, { body: { reach } })).toBe(
      "invalid_request",
    );
  });

  test("is neither reported nor relayed before it is introduced or after it ended", async () => {
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach: await reachOf(ann, ANN) });
    const outcome = { body: { path: "direct" } };
    const relay = { body: { connection_id } };
    expect(await ann.refused("PUT", `connections/${connection_id}/outcome`, outcome)).toBe("not_introduced");
    expect(await ann.refused("POST", `lobbies/${lobby}/relays`, relay)).toBe("not_introduced");
    await accepts(bob, connection_id, await reachOf(bob, BOB));
    await reports(ann, connection_id, { path: "direct" });
    await reports(ann, connection_id, { path: "none" });
    await reports(bob, connection_id, { path: "direct" });
    expect(await ann.refused("PUT", `connections/${connection_id}/outcome`, outcome)).toBe("connection_over");
    expect(await bob.refused("POST", `connections/${connection_id}/accept`, { body: {} })).toBe("connection_over");
    const second = await asksFor(ann, lobby, { peer_id: bob.id });
    await bob.ask("POST", `connections/${second.connection_id}/deny`);
    const failed = { body: { connection_id: second.connection_id } };
    expect(await ann.refused("POST", `lobbies/${lobby}/relays`, failed)).toBe("connection_over");
    expect(await ann.refused("POST", `lobbies/${NOTHING}/relays`, failed)).toBe("connection_not_found");
    expect(await asking(ann, { peer_id: bob.id })).toBe("connection_denied");
    expect(await ann.refused("PUT", `connections/${connection_id}/outcome`, { body: { path: "by air" } })).toBe(
      "invalid_request",
    );
  });
});
