/** Hosting, connecting and pinging on the Rabid wire, with every possible reply, in the order of the checks. */
import { describe, expect, test } from "vitest";
import { runScript } from "../support/wire-script.ts";

describe("h: host a session", () => {
  test("creates it, with only its host", () => {
    const { hub } = runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
    `);
    expect(hub.lobby("Nice")).toMatchObject({ seats: 4, password_digest: null, host: "Alice", state: "open" });
  });

  test("again from the same address is answered with the roster and changes nothing", () => {
    const { hub } = runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      A> h:Nice:Alice:4
      A< i:Alice:Bob
      A> h:Nice:Zoe:9:secret
      A< i:Alice:Bob
    `);
    expect(hub.lobby("Nice")).toMatchObject({ seats: 4, password_digest: null, host: "Alice" });
  });

  test("of a name that is taken: session_exists, even for a member", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      B> h:Nice:Bob:4
      B< error:session_exists
      C> h:Nice:Alice:4
      C< error:session_exists
      A'> h:Nice:Alice:4
      A'< error:session_exists
    `);
  });

  test("of a name that is starting: session_exists, even for its host", () => {
    runScript(`
      A> h:Nice:Alice:2
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      @+1s, every 500ms: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x2)
      B< i:Alice:Bob (x2)
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      A> h:Nice:Alice:2
      A< error:session_exists
      C> h:Nice:Carol:2
      C< error:session_exists
    `);
  });

  test("one address can host several sessions, and host one while it plays in another", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      A> h:Other:Ann:2
      A< i:Ann
      B> h:Third:Bob:4
      B< i:Bob
      A> c:Third:Alice
      B< i:Bob:Alice
      A< i:Bob:Alice
    `);
  });
});

describe("c: connect to a session", () => {
  test("sends all players the roster in the order of arrival", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      C> c:Nice:Carol
      A< i:Alice:Carol
      C< i:Alice:Carol
      B> c:Nice:Bob
      A< i:Alice:Carol:Bob
      C< i:Alice:Carol:Bob
      B< i:Alice:Carol:Bob
    `);
  });

  test("to an unknown session: session_non_existent", () => {
    runScript(`
      B> c:Nice:Bob
      B< error:session_non_existent
    `);
  });

  test("of a stranger to a session that is starting: session_non_existent", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      @+500ms, every 500ms: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      C> c:Nice:Carol
      C< error:session_non_existent
      C> c:Nice:Bob
      C< error:session_non_existent
    `);
  });

  test("without the password, or with a wrong one: password_mismatch, full or not", () => {
    runScript(`
      A> h:Nice:Alice:2:Pw12
      A< i:Alice
      B> c:Nice:Bob
      B< error:password_mismatch
      B> c:Nice:Bob:pw12
      B< error:password_mismatch
      B> c:Nice:Bob:Pw12
      A< i:Alice:Bob
      B< i:Alice:Bob
      # full by now, and still the password comes first
      C> c:Nice:Carol:nope
      C< error:password_mismatch
      C> c:Nice:Carol
      C< error:password_mismatch
      C> c:Nice:Carol:Pw12
      C< error:session_full
      # a member needs it as well
      B> c:Nice:Bob
      B< error:password_mismatch
      B> c:Nice:Bob:Pw12
      B< i:Alice:Bob
    `);
  });

  test("with a password to an open session: it is ignored", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob:Pw12
      A< i:Alice:Bob
      B< i:Alice:Bob
    `);
  });

  test("to a full session: session_full, except for a member", () => {
    runScript(`
      A> h:Nice:Alice:2
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      C> c:Nice:Carol
      C< error:session_full
      # fullness is checked before the name
      C> c:Nice:Bob
      C< error:session_full
      B> c:Nice:Bob
      B< i:Alice:Bob
      A> c:Nice:Alice
      A< i:Alice:Bob
    `);
  });

  test("under a name of another player: player_name_in_use", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Alice
      B< error:player_name_in_use
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      C> c:Nice:Bob
      C< error:player_name_in_use
    `);
  });

  test("again from the same address is answered to the sender only", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      B> c:Nice:Bob
      B< i:Alice:Bob
    `);
  });

  test("names and sessions differ by case", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:nice:Bob
      B< error:session_non_existent
      B> c:Nice:alice
      A< i:Alice:alice
      B< i:Alice:alice
    `);
  });
});

describe("p: keepalive", () => {
  test("is answered with the roster, to the sender only", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      @+500ms
      B> p:Nice:Bob
      B< i:Alice:Bob
      A> p:Nice:Alice
      A< i:Alice:Bob
    `);
  });

  test("in no session: session_non_existent", () => {
    runScript(`
      A> p:Nice:Alice
      A< error:session_non_existent
    `);
  });

  test("of an unknown player: non_existent_player", () => {
    runScript(`
      A> h:Nice:Alice:4
      A< i:Alice
      B> p:Nice:Bob
      B< error:non_existent_player
      A> p:Nice:Bob
      A< error:non_existent_player
    `);
  });

  test("of an unknown player in a session that is starting: session_non_existent", () => {
    runScript(`
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
      C> p:Nice:Carol
      C< error:session_non_existent
    `);
  });
});
