/** Steam's lobbies and messages with a real hub and a real sidecar on one machine. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { readInvitation } from "../../clients/typescript/src/steam/invitation.ts";
import { SteamLobbies, type SteamLobbiesEvents } from "../../clients/typescript/src/steam/lobbies.ts";
import {
  ChatMemberStateChange,
  ChatRoomEnterResponse,
  LobbyComparison,
  LobbyDistanceFilter,
  LobbyType,
} from "../../clients/typescript/src/steam/steam-constants.ts";
import { ConnectionState, Result, SendFlags } from "../../clients/typescript/src/messages/steam-constants.ts";
import { freePort } from "../../tools/run/ports.ts";
import { TestStack } from "../support/test-stack.ts";

let stack: TestStack;
const players: SteamLobbies[] = [];

beforeAll(async () => {
  const ports = [await freePort("udp"), await freePort("udp")].map((port) => `${port}=native`);
  stack = await TestStack.open({ settings: { PARLEY_PORTS: ports.join(), PARLEY_REGION: "lab" } });
});
afterEach(() => Promise.all(players.splice(0).map((player) => player.close())));
afterAll(() => stack?.close());

/** The sidecar serves the game `default`. */
async function player(game: string): Promise<SteamLobbies> {
  const steam = await SteamLobbies.open({ url: stack.url, game });
  players.push(steam);
  return steam;
}

const soon = (what: () => void): Promise<void> => vi.waitFor(what, { timeout: 30_000, interval: 50 });

/** Resolves with the payload of the next matching event. */
function happens<K extends keyof SteamLobbiesEvents>(
  steam: SteamLobbies,
  name: K,
  wanted: (...carries: SteamLobbiesEvents[K]) => boolean = () => true,
): Promise<SteamLobbiesEvents[K]> {
  return new Promise((done) => {
    const look = (...carries: SteamLobbiesEvents[K]): void => {
      if (!wanted(...carries)) return;
      steam.off(name, look);
      done(carries);
    };
    steam.on(name, look);
  });
}

describe("a lobby", () => {
  test("is created, found, joined, used for chat and left", async () => {
    const [ann, bob] = [await player("one"), await player("one")];
    const lobby = await ann.createLobby(LobbyType.Public, 4, {
      name: "Nice",
      memberName: "Ann",
      data: { mode: "coop" },
    });
    const found = await bob.requestLobbyList();
    expect(found.map(({ id, name, data }) => ({ id, name, mode: data["mode"] }))).toStrictEqual([
      { id: lobby, name: "Nice", mode: "coop" },
    ]);
    const came = happens(ann, "lobbyChatUpdate");
    expect(await bob.joinLobby(lobby, { memberName: "Bob" })).toBe(ChatRoomEnterResponse.Success);
    expect(await came).toStrictEqual([lobby, bob.getSteamID(), bob.getSteamID(), ChatMemberStateChange.Entered]);
    expect(bob.getNumLobbyMembers(lobby)).toBe(2);
    expect(bob.getLobbyOwner(lobby)).toBe(ann.getSteamID());
    expect(bob.getFriendPersonaName(lobby, bob.getLobbyMemberByIndex(lobby, 0)!)).toBe("Ann");
    const said = happens(ann, "lobbyMessage");
    await bob.sendLobbyChatMsg(lobby, "hello");
    expect(await said).toStrictEqual([lobby, bob.getSteamID(), "hello"]);
    const went = happens(ann, "lobbyChatUpdate");
    await bob.leaveLobby(lobby);
    expect(await went).toStrictEqual([lobby, bob.getSteamID(), bob.getSteamID(), ChatMemberStateChange.Left]);
    expect(bob.lobbies).toStrictEqual([]);
  });

  test("has its own data and that of its members, whose changes all members receive", async () => {
    const [ann, bob] = [await player("two"), await player("two")];
    const lobby = await ann.createLobby(LobbyType.Public, 4);
    await bob.joinLobby(lobby);
    await ann.setLobbyData(lobby, "map", "forest");
    await bob.setLobbyMemberData(lobby, "ready", "1");
    await soon(() => expect(bob.getLobbyData(lobby, "map")).toBe("forest"));
    await soon(() => expect(ann.getLobbyMemberData(lobby, bob.getSteamID(), "ready")).toBe("1"));
    await ann.deleteLobbyData(lobby, "map");
    await soon(() => expect(bob.getLobbyData(lobby, "map")).toBe(""));
    await expect(bob.setLobbyData(lobby, "map", "mine")).rejects.toMatchObject({ code: "not_host" });
  });

  test("sends all members the game server", async () => {
    const [ann, bob] = [await player("three"), await player("three")];
    const lobby = await ann.createLobby(LobbyType.Public, 4);
    await bob.joinLobby(lobby);
    const told = [happens(ann, "lobbyGameCreated"), happens(bob, "lobbyGameCreated")];
    await ann.setLobbyGameServer(lobby, ann.getSteamID());
    for (const one of told) expect(await one).toStrictEqual([lobby, ann.getSteamID()]);
    expect(bob.getLobbyGameServer(lobby)).toBe(ann.getSteamID());
  });

  test("gets a new owner by transfer and when the owner leaves", async () => {
    const all = [await player("four"), await player("four"), await player("four")] as const;
    const [ann, bob, cleo] = all;
    const lobby = await ann.createLobby(LobbyType.Public, 4);
    await bob.joinLobby(lobby);
    await cleo.joinLobby(lobby);
    const handed = happens(cleo, "lobbyOwnerChanged");
    await ann.setLobbyOwner(lobby, bob.getSteamID());
    expect(await handed).toStrictEqual([lobby, bob.getSteamID()]);
    const followed = happens(cleo, "lobbyOwnerChanged");
    await bob.leaveLobby(lobby);
    const [, owner] = await followed;
    expect(cleo.getLobbyOwner(lobby)).toBe(owner);
    expect([ann.getSteamID(), cleo.getSteamID()]).toContain(owner);
  });

  test("is joined by invitation, as a link and on the command line", async () => {
    const [ann, bob, cleo] = [await player("five"), await player("five"), await player("five")];
    const lobby = await ann.createLobby(LobbyType.Private, 4);
    const invitation = ann.getInvitation(lobby)!;
    expect(invitation.link).toMatch(/^parley:\/\/127\.0\.0\.1:[0-9]+\/five\/[A-Z0-9]+$/);
    expect(await bob.joinInvitation(readInvitation([invitation.link])!)).toBe(ChatRoomEnterResponse.Success);
    expect(await cleo.joinInvitation(readInvitation(invitation.arguments)!)).toBe(ChatRoomEnterResponse.Success);
    expect(await cleo.requestLobbyList()).toStrictEqual([]);
  });

  test("that cannot be joined gives the reason as Steam's code", async () => {
    const [ann, bob, cleo] = [await player("six"), await player("six"), await player("six")];
    const lobby = await ann.createLobby(LobbyType.Public, 2);
    await ann.setLobbyJoinable(lobby, false);
    const told = happens(bob, "lobbyJoined");
    expect(await bob.joinLobby(lobby)).toBe(ChatRoomEnterResponse.NotAllowed);
    expect(await told).toStrictEqual([lobby, ChatRoomEnterResponse.NotAllowed]);
    await ann.setLobbyJoinable(lobby, true);
    expect(await bob.joinLobby(lobby)).toBe(ChatRoomEnterResponse.Success);
    expect(await cleo.joinLobby(lobby)).toBe(ChatRoomEnterResponse.Full);
    expect(await cleo.joinLobby("AAAAAA")).toBe(ChatRoomEnterResponse.DoesntExist);
  });

  test("can be refreshed by a non-member", async () => {
    const [ann, bob] = [await player("seven"), await player("seven")];
    const lobby = await ann.createLobby(LobbyType.Public, 4, { data: { map: "forest" } });
    expect(await bob.requestLobbyData(lobby)).toBe(true);
    expect(bob.getLobbyData(lobby, "map")).toBe("forest");
    expect(bob.getLobbyOwner(lobby)).toBe(ann.getSteamID());
    expect(await bob.requestLobbyData(lobby.replace(/.$/, "x"))).toBe(false);
  });
});

test("lists are filtered by text, number, nearness, free slots, region and count", async () => {
  const names: Record<string, string> = {};
  for (const [name, seats, data] of [
    ["low", 2, { mode: "coop", rank: 10 }],
    ["middle", 8, { mode: "coop", rank: 50, region: "elsewhere" }],
    ["high", 8, { mode: "duel", rank: 90 }],
  ] as const) {
    names[await (await player("default")).createLobby(LobbyType.Public, seats, { name, data })] = name;
  }
  /** A new identity for each list, because the rate limit is a burst of five. */
  const list = async (filter: (of: SteamLobbies) => void): Promise<string[]> => {
    const of = await player("default");
    filter(of);
    return (await of.requestLobbyList()).map(({ id }) => names[id]!);
  };
  expect(
    new Set(await list((of) => of.addRequestLobbyListStringFilter("mode", "coop", LobbyComparison.Equal))),
  ).toStrictEqual(new Set(["low", "middle"]));
  expect(
    await list((of) => of.addRequestLobbyListNumericalFilter("rank", 50, LobbyComparison.GreaterThan)),
  ).toStrictEqual(["high"]);
  expect(await list((of) => of.addRequestLobbyListNearValueFilter("rank", 55))).toStrictEqual([
    "middle",
    "high",
    "low",
  ]);
  expect(new Set(await list((of) => of.addRequestLobbyListFilterSlotsAvailable(4)))).toStrictEqual(
    new Set(["middle", "high"]),
  );
  expect(new Set(await list((of) => of.addRequestLobbyListDistanceFilter(LobbyDistanceFilter.Close)))).toStrictEqual(
    new Set(["low", "high"]),
  );
  expect((await list(() => {})).at(-1)).toBe("middle");
  expect(await list((of) => of.addRequestLobbyListResultCountFilter(1))).toHaveLength(1);
  const bob = await player("default");
  bob.addRequestLobbyListResultCountFilter(1);
  // Filters apply to one request.
  expect([await bob.requestLobbyList(), await bob.requestLobbyList()].map(({ length }) => length)).toStrictEqual([
    1, 3,
  ]);
});

describe("messages in a lobby", () => {
  test("start with a session request and reach all other members", async () => {
    const all = [await player("default"), await player("default"), await player("default")] as const;
    const [ann, bob, cleo] = all;
    const lobby = await ann.createLobby(LobbyType.Public, 4);
    await bob.joinLobby(lobby);
    await cleo.joinLobby(lobby);
    await soon(() => expect(ann.getNumLobbyMembers(lobby)).toBe(3));
    for (const one of [bob, cleo]) {
      one.messages(lobby).on("sessionRequest", (peer) => void one.messages(lobby).acceptSessionWithUser(peer));
    }
    const results = ann.messages(lobby).sendMessageToLobby(Buffer.from("handshake"), SendFlags.ReliableNoNagle, 0);
    expect(results).toStrictEqual(new Map([bob, cleo].map((one) => [one.getSteamID(), Result.OK])));
    for (const one of [bob, cleo]) {
      await soon(() => {
        const [message] = one.messages(lobby).receiveMessagesOnChannel(0, 10);
        expect(message).toMatchObject({ peer: ann.getSteamID(), channel: 0 });
      });
    }
    const info = ann.messages(lobby).getSessionConnectionInfo(bob.getSteamID());
    expect(info).toMatchObject({ state: ConnectionState.Connected, path: expect.stringMatching(/direct|relay/) });
  });

  test("that are ignored are not reported to the sender, but refused ones are", async () => {
    const [ann, bob] = [await player("default"), await player("default")];
    const lobby = await ann.createLobby(LobbyType.Public, 4);
    await bob.joinLobby(lobby);
    const asked = new Promise<string>((done) => bob.messages(lobby).once("sessionRequest", done));
    ann.messages(lobby).sendMessageToUser(bob.getSteamID(), Buffer.from("hello"), SendFlags.ReliableNoNagle, 0);
    expect(await asked).toBe(ann.getSteamID());
    expect(ann.messages(lobby).getSessionConnectionInfo(bob.getSteamID())).toMatchObject({
      state: ConnectionState.Connecting,
      path: null,
    });
    const failed = new Promise<unknown[]>((done) => ann.messages(lobby).once("sessionFailed", (...all) => done(all)));
    bob.messages(lobby).closeSessionWithUser(ann.getSteamID());
    expect((await failed).slice(0, 3)).toStrictEqual([4_100, bob.getSteamID(), ConnectionState.ProblemDetectedLocally]);
  });
});
