/** Kicking and leaving on the Rabid wire, with every possible reply, in the order of the checks. */
import { describe, expect, test } from "vitest";
import { runScript } from "../support/wire-script.ts";

describe("k: kick", () => {
  test("removes the player, notifies it, and then sends the others the new roster", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      C> c:Nice:Carol
      A< i:Alice:Bob:Carol
      B< i:Alice:Bob:Carol
      C< i:Alice:Bob:Carol
      A> k:Nice:Bob
      B< error:kicked_by_host
      A< i:Alice:Carol
      C< i:Alice:Carol
    `);
  });

  test("in no session: session_non_existent; the same while it is starting", () => {
    runScript(`
      A> k:Nice:Bob
      A< error:session_non_existent
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      A> s:Nice:Alice
      A< i:Alice:Bob
      A< s:5001:Bob:192.0.2.2:5002
      B< i:Alice:Bob
      B< s:5002:Alice:192.0.2.1:5001
      A> k:Nice:Bob
      A< error:session_non_existent
    `);
  });

  test("of an unknown player: non_existent_player; of a player, by anyone except the host: non_host_player", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      A> k:Nice:Carol
      A< error:non_existent_player
      B> k:Nice:Carol
      B< error:non_existent_player
      B> k:Nice:Alice
      B< error:non_host_player
      B> k:Nice:Bob
      B< error:non_host_player
      C> k:Nice:Bob
      C< error:non_host_player
      # another port of the host's address is not the host
      A'> k:Nice:Bob
      A'< error:non_host_player
    `);
  });

  test("the host can kick itself; the next player becomes host", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      C> c:Nice:Carol
      A< i:Alice:Bob:Carol
      B< i:Alice:Bob:Carol
      C< i:Alice:Bob:Carol
      A> k:Nice:Alice
      A< error:kicked_by_host
      B< i:Bob:Carol
      C< i:Bob:Carol
      B> k:Nice:Carol
      C< error:kicked_by_host
      B< i:Bob
    `);
  });

  test("of the only player, by itself, ends the session", () => {
    const { hub } = runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      A> k:Nice:Alice
      A< error:kicked_by_host
      B> c:Nice:Bob
      B< error:session_non_existent
    `);
    expect(hub.directory.size).toBe(0);
  });

  test("a repeated kick is answered with the roster", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      A> k:Nice:Bob
      B< error:kicked_by_host
      A< i:Alice
      A> k:Nice:Bob
      A< i:Alice
    `);
  });

  test("applies to the name and to the address while the session exists", () => {
    runScript(`
      A> h:Nice:Alice:4:Pw12
      A< i:Alice
      B> c:Nice:Bob:Pw12
      A< i:Alice:Bob
      B< i:Alice:Bob
      A> k:Nice:Bob
      B< error:kicked_by_host
      A< i:Alice
      B> c:Nice:Bob:Pw12
      B< error:kicked_by_host
      # the address, under another name
      B> c:Nice:Robert:Pw12
      B< error:kicked_by_host
      # the name, from another address
      C> c:Nice:Bob:Pw12
      C< error:kicked_by_host
      # and before the password is looked at
      B> c:Nice:Bob:nope
      B< error:kicked_by_host
      # others may come
      C> c:Nice:Carol:Pw12
      A< i:Alice:Carol
      C< i:Alice:Carol
      # it is over with the session
      C> x:Nice:Carol
      C< error:player_exited_session
      A< i:Alice
      A> x:Nice:Alice
      A< error:player_exited_session
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
    `);
  });
});

describe("x: leave", () => {
  test("is confirmed to the sender and the others get the new roster", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      C> c:Nice:Carol
      A< i:Alice:Bob:Carol
      B< i:Alice:Bob:Carol
      C< i:Alice:Bob:Carol
      B> x:Nice:Bob
      B< error:player_exited_session
      A< i:Alice:Carol
      C< i:Alice:Carol
    `);
  });

  test("of the host makes the next player host", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      C> c:Nice:Carol
      A< i:Alice:Bob:Carol
      B< i:Alice:Bob:Carol
      C< i:Alice:Bob:Carol
      A> x:Nice:Alice
      A< error:player_exited_session
      B< i:Bob:Carol
      C< i:Bob:Carol
      C> s:Nice:Carol
      C< error:non_host_player
      B> k:Nice:Carol
      C< error:kicked_by_host
      B< i:Bob
    `);
  });

  test("of the last player ends the session and frees its name", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      A> x:Nice:Alice
      A< error:player_exited_session
      A> x:Nice:Alice
      A< error:session_non_existent
      B> h:Nice:Bob:4
      B< i:Bob
    `);
  });

  test("from no session: session_non_existent; the same while it is starting", () => {
    runScript(`
      B> x:Nice:Bob
      B< error:session_non_existent
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      A> s:Nice:Alice
      A< i:Alice:Bob
      A< s:5001:Bob:192.0.2.2:5002
      B< i:Alice:Bob
      B< s:5002:Alice:192.0.2.1:5001
      B> x:Nice:Bob
      B< error:session_non_existent
    `);
  });

  test("of an unknown player: non_existent_player", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> x:Nice:Bob
      B< error:non_existent_player
    `);
  });
});
