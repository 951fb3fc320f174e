/** A Rabid session with the server, in virtual time. */
import { describe, expect, test } from "vitest";
import type { SessionSetup } from "../../src/rabid/session.ts";
import { hosted, SERVER, START, SessionFixture } from "../support/rabid-table.ts";

describe("requesting", () => {
  test("the request is repeated every 0.5 s until the server answers, then the ping", () => {
    const one = new SessionFixture({ seats: 4, password: "Pw12" });
    one.pass(1_700);
    expect(one.sentToServer()).toEqual(Array.from({ length: 4 }, () => "h:Nice:Alice:4:Pw12"));
    one.server("i:Alice");
    one.pass(1_100);
    expect(one.sentToServer()).toEqual(["p:Nice:Alice", "p:Nice:Alice"]);
    expect(one.events()).toEqual([{ type: "roster", players: ["Alice"], host: "Alice" }]);
  });

  test("fifteen seconds of silence end the session, before and after it is listed", () => {
    const asking = new SessionFixture();
    asking.pass(14_990);
    expect(asking.events()).toEqual([]);
    asking.pass(10);
    expect(asking.events()).toEqual([{ type: "failed", code: "server_timeout" }]);
    const listed = new SessionFixture();
    listed.pass(5_000);
    listed.server("i:Bob:Alice");
    listed.events();
    listed.pass(14_990);
    expect(listed.events()).toEqual([]);
    listed.pass(10);
    expect(listed.events()).toEqual([{ type: "failed", code: "server_timeout" }]);
    expect(listed.session.deadline()).toBeNull();
  });

  test("a guest that was started without a roster takes the first of the list for the host", () => {
    const one = new SessionFixture();
    one.server(START);
    expect(one.events()).toEqual([{ type: "started", ownPort: 5_001, host: "Bob", players: ["Bob"] }]);
    expect(one.sentToServer()).toContain("y:Nice:Alice");
  });

  test.each(["invalid_request", "session_exists", "session_full", "only_one_player_in_session", "player_timeout"])(
    "error:%s ends it",
    (code) => {
      const one = new SessionFixture();
      one.server(`error:${code}`);
      expect(one.events()).toEqual([{ type: "failed", code, serverText: `error:${code}` }]);
      expect(one.session.deadline()).toBeNull();
    },
  );

  test("an unknown error ends the session with its text", () => {
    const one = new SessionFixture();
    one.server("i:Bob:Alice");
    one.events();
    one.server("error:incompatible_game_version");
    expect(one.events()).toEqual([
      { type: "failed", code: "unknown_error", serverText: "error:incompatible_game_version" },
    ]);
  });
});

describe("in the lobby", () => {
  test("a roster is emitted once, and again when it changes", () => {
    const one = new SessionFixture({ seats: 4 });
    for (const line of ["i:Alice", "i:Alice", "i:Alice:Bob", "i:Alice:Bob", "i:Alice"]) one.server(line);
    expect(one.events()).toEqual([
      { type: "roster", players: ["Alice"], host: "Alice" },
      { type: "roster", players: ["Alice", "Bob"], host: "Alice" },
      { type: "roster", players: ["Alice"], host: "Alice" },
    ]);
  });

  test("the start is repeated every 0.5 s beside the ping, until the start line", () => {
    const one = hosted();
    one.session.start(one.now);
    one.pass(1_100);
    const said = one.sentToServer();
    expect(said.filter((line) => line === "s:Nice:Alice")).toHaveLength(3);
    expect(said.filter((line) => line === "p:Nice:Alice").length).toBeGreaterThanOrEqual(2);
    one.server(START);
    one.pass(2_000);
    expect(one.sentToServer().filter((line) => /^[sp]:/.test(line))).toEqual([]);
  });

  test("a start requested before the session is listed is sent once it is", () => {
    const one = new SessionFixture({ seats: 4 });
    one.session.start(one.now);
    expect(one.sentToServer()).toEqual(["h:Nice:Alice:4"]);
    one.server("i:Alice:Bob");
    expect(one.sentToServer()).toContain("s:Nice:Alice");
  });

  test.each(["only_one_player_in_session", "non_host_player"])(
    "error:%s refuses a start; then it may be asked again",
    (code) => {
      const one = hosted();
      one.session.start(one.now);
      one.events();
      one.server(`error:${code}`);
      one.server(`error:${code}`);
      expect(one.events()).toEqual([{ type: "refused", code }]);
      one.sentToServer();
      one.pass(1_000);
      expect(one.sentToServer()).not.toContain("s:Nice:Alice");
      one.session.start(one.now);
      expect(one.sentToServer()).toEqual(["s:Nice:Alice"]);
    },
  );

  test("a kick is repeated until the roster is without the player, up to a limit", () => {
    const one = hosted();
    one.session.kick("Nobody", one.now);
    expect(one.sentToServer()).toEqual([]);
    one.session.kick("Bob", one.now);
    one.pass(1_100);
    expect(one.sentToServer().filter((line) => line === "k:Nice:Bob")).toHaveLength(3);
    one.server("i:Alice");
    one.pass(1_100);
    expect(one.sentToServer()).not.toContain("k:Nice:Bob");
    const deaf = hosted();
    deaf.session.kick("Bob", deaf.now);
    for (let turn = 0; turn < 60; turn++) {
      deaf.pass(500);
      deaf.server("i:Alice:Bob");
    }
    expect(deaf.sentToServer().filter((line) => line === "k:Nice:Bob").length).toBe(20);
  });

  test("a repeated kick, which the original server refuses, does not end the session", () => {
    const one = hosted();
    one.session.kick("Bob", one.now);
    one.events();
    one.server("error:non_existent_player");
    expect(one.events()).toEqual([{ type: "refused", code: "non_existent_player" }]);
    one.server("error:non_existent_player");
    expect(one.events()).toEqual([
      { type: "failed", code: "non_existent_player", serverText: "error:non_existent_player" },
    ]);
  });

  test("leave is repeated until the server answers, four times at most", () => {
    const one = hosted();
    one.session.leave(one.now);
    one.server("error:player_exited_session");
    expect(one.events()).toEqual([{ type: "left" }]);
    const deaf = hosted();
    deaf.session.leave(deaf.now);
    deaf.pass(5_000);
    expect(deaf.sentToServer()).toEqual(Array.from({ length: 4 }, () => "x:Nice:Alice"));
    expect(deaf.events()).toEqual([{ type: "left" }]);
    expect(deaf.session.deadline()).toBeNull();
  });
});

describe("after the start", () => {
  test("every start line is confirmed, up to thirty times", () => {
    const one = hosted();
    for (let turn = 0; turn < 100; turn++) one.server(START);
    expect(one.sentToServer().filter((line) => line === "y:Nice:Alice")).toHaveLength(30);
    expect(one.events().filter(({ type }) => type === "started")).toHaveLength(1);
  });

  test("late server errors after the start are ignored", () => {
    const one = hosted();
    one.server(START);
    one.events();
    one.server("error:session_not_started");
    one.server("error:session_non_existent");
    expect(one.events()).toEqual([]);
    expect(one.session.phase).toBe("meeting");
  });

  test("nothing is sent to listed addresses that are not unicast", () => {
    const one = hosted();
    one.sent.length = 0;
    one.server("s:5001:Bob:255.255.255.255:5002;Carol:224.0.0.1:5003;Dan:0.0.0.0:5004");
    one.pass(30_000);
    expect(new Set(one.sent.map(({ to }) => to.address))).toEqual(new Set([SERVER.address]));
    expect(one.events().at(-1)).toEqual({ type: "failed", code: "unreachable_self" });
  });
});

test.each<[string, Partial<SessionSetup>]>([
  ["a session without a name", { session: "" }],
  ["a session's name of eleven letters", { session: "ABCDEFGHIJK" }],
  ["a player's name with a colon", { name: "Al:ce" }],
  ["a player's name with a newline", { name: "Alice\n" }],
  ["an empty password", { password: "" }],
  ["one seat", { seats: 1 }],
  ["thirteen seats", { seats: 13 }],
  ["half a seat", { seats: 2.5 }],
])("%s is refused before anything is sent", (_what, wrong) => {
  expect(() => new SessionFixture(wrong)).toThrow(RangeError);
});
