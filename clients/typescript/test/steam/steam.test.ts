/** Invitations and filters as text, without a hub. */
import { describe, expect, test } from "vitest";
import { invitationLink, readInvitation } from "../../src/steam/invitation.ts";
import { LobbyListFilters } from "../../src/steam/lobby-list.ts";
import {
  ChatRoomEnterResponse,
  LobbyComparison,
  LobbyDistanceFilter,
  responseOf,
} from "../../src/steam/steam-constants.ts";

describe("an invitation", () => {
  test("an invitation is a link with hub, game and code", () => {
    const link = invitationLink("https://lobby.example.com", "default", "K7QP2M");
    expect(link).toBe("parley://lobby.example.com/default/K7QP2M");
    expect(readInvitation([link])).toStrictEqual({ code: "K7QP2M", url: "https://lobby.example.com", game: "default" });
  });

  test("an invitation keeps the port, and uses plain HTTP only for numeric addresses and localhost", () => {
    const urls = ["parley://127.0.0.1:8787/a/K7QP2M", "parley://localhost:8787/a/K7QP2M", "parley://a.b:8787/a/K7QP2M"];
    expect(urls.map((link) => readInvitation([link])?.url)).toStrictEqual([
      "http://127.0.0.1:8787",
      "http://localhost:8787",
      "https://a.b:8787",
    ]);
  });

  test("an invitation is found among program arguments", () => {
    const words = ["node", "game.ts", "--fullscreen", "+connect_lobby", "K7QP2M"];
    expect(readInvitation(words)).toStrictEqual({ code: "K7QP2M", url: null, game: null });
  });

  test.each([
    [[]],
    [["+connect_lobby"]],
    [["+connect_lobby", "../admin"]],
    [["parley://"]],
    [["parley://host/game"]],
    [["parley://host/game/K7QP2M/more"]],
    [["parley://user@host/game/K7QP2M"]],
    [["parley://host/game?x/K7QP2M"]],
    [["https://host/game/K7QP2M"]],
  ])("%j is no invitation", (words) => {
    expect(readInvitation(words)).toBeNull();
  });
});

test("filters become query parameters of the hub", () => {
  const filters = new LobbyListFilters();
  filters.add("mode", "coop & more", LobbyComparison.Equal);
  filters.add("rank", 10, LobbyComparison.EqualToOrGreaterThan);
  filters.near("rank", 50);
  filters.near("level", 3);
  filters.slots(2);
  filters.distance(LobbyDistanceFilter.Close);
  filters.results(500);
  expect([...filters.query("weur")]).toStrictEqual([
    ["data[mode][eq]", "coop & more"],
    ["data[rank][gte]", "10"],
    ["slots[gte]", "2"],
    ["near", "rank:50"],
    ["near", "level:3"],
    ["data[region]", "weur"],
    ["limit", "50"],
  ]);
});

test("a refusal without a value of Steam is an error", () => {
  expect(["lobby_full", "banned", "password_mismatch", "something_new"].map(responseOf)).toStrictEqual([
    ChatRoomEnterResponse.Full,
    ChatRoomEnterResponse.Banned,
    ChatRoomEnterResponse.NotAllowed,
    ChatRoomEnterResponse.Error,
  ]);
});
