/** After the start on the Rabid wire: what is still answered, for how long, and that nothing more is said unasked. */
import { describe, expect, test } from "vitest";
import { textOf } from "../../support/exchange.ts";
import { continued, nameOf, session, startLinesFor } from "../support/wire-script.ts";

describe("after the start", () => {
  test("a player who missed the copies hears the line again when he pings", () => {
    continued(session("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      @+9s
      A< s:5001:Bob:192.0.2.2:5002 (x10)
      B< s:5002:Alice:192.0.2.1:5001 (x10)
      B> p:Nice:Bob
      B< s:5002:Alice:192.0.2.1:5001
      # once for each ping, and for nobody else
      @+500ms
      B> p:Nice:Bob
      B< s:5002:Alice:192.0.2.1:5001
      C> p:Nice:Bob
    `);
  });

  test("a player who missed even the roster connects again and hears i: and then s:", () => {
    continued(session("AB", { pinged: "A" }))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< i:Alice:Bob
      B< s:5002:Alice:192.0.2.1:5001
      @+1s
      A< s:5001:Bob:192.0.2.2:5002 (x10)
      B< i:Alice:Bob (x10)
      B< s:5002:Alice:192.0.2.1:5001 (x10)
      B> c:Nice:Bob
      B< i:Alice:Bob
      B< s:5002:Alice:192.0.2.1:5001
      # answered once, not repeated
      @+1s
    `);
  });

  test("a player who pinged before the start, connects again and hears i: and then s: as well", () => {
    continued(session("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      @+1s
      A< s:5001:Bob:192.0.2.2:5002 (x10)
      B< s:5002:Alice:192.0.2.1:5001 (x10)
      B> c:Nice:Bob
      B< i:Alice:Bob
      B< s:5002:Alice:192.0.2.1:5001
      @+1s
    `);
  });

  test("nobody is dropped for his silence, for he plays now", () => {
    const rig = session("AB");
    rig.say("A", "s:Nice:Alice");
    rig.pass(9_999);
    expect(rig.hub.lobby("Nice")?.members).toHaveLength(2);
    expect(rig.sent.map(textOf).filter((line) => line.startsWith("error"))).toStrictEqual([]);
  });

  test("10 s later it is over without a word, and the name is free", () => {
    continued(session("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      @+9999ms
      A< s:5001:Bob:192.0.2.2:5002 (x10)
      B< s:5002:Alice:192.0.2.1:5001 (x10)
      C> h:Nice:Carol:4
      C< error:session_exists
      A> p:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      @+1ms
      A> p:Nice:Alice
      A< error:session_non_existent
      A> s:Nice:Alice
      A< error:session_non_existent
      B> c:Nice:Bob
      B< error:session_non_existent
      C> h:Nice:Carol:4
      C< i:Carol
      @+4s
    `);
  });

  test("2 s after everybody has confirmed it is over already", () => {
    continued(session("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      A> y:Nice:Alice
      B> y:Nice:Bob
      @+1999ms
      B> p:Nice:Bob
      B< s:5002:Alice:192.0.2.1:5001
      @+1ms
      B> p:Nice:Bob
      B< error:session_non_existent
      A> h:Nice:Alice:4
      A< i:Alice
    `);
  });

  test("the next session of that name is repeated as fully as the first", () => {
    const rig = session("AB");
    for (let round = 0; round < 2; round++) {
      rig.say("A", "h:Nice:Alice:4");
      rig.say("B", "c:Nice:Bob");
      const before = startLinesFor(rig, "B").length;
      rig.say("A", "s:Nice:Alice");
      rig.pass(1_000);
      expect(startLinesFor(rig, "B")).toHaveLength(before + 11);
      for (const player of ["A", "B"]) rig.say(player, `y:Nice:${nameOf(player)}`);
      rig.pass(2_000);
    }
  });
});
