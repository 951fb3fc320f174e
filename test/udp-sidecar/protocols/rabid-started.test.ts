/** After the start on the Rabid wire: which requests are answered, for how long, and that nothing else is sent. */
import { describe, expect, test } from "vitest";
import { textOf } from "../../support/exchange.ts";
import { continueScript, nameOf, openSession, startLinesFor } from "../support/wire-script.ts";

describe("after the start", () => {
  test("a player that missed all copies gets the line again when it pings", () => {
    continueScript(openSession("AB"))(`
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

  test("a player that missed the roster too connects again and gets i: and then s:", () => {
    continueScript(openSession("AB", { pinged: "A" }))(`
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

  test("a player that pinged before the start and connects again gets i: and then s: as well", () => {
    continueScript(openSession("AB"))(`
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

  test("no player is removed for its silence", () => {
    const rig = openSession("AB");
    rig.send("A", "s:Nice:Alice");
    rig.advance(9_999);
    expect(rig.hub.lobby("Nice")?.members).toHaveLength(2);
    expect(rig.sent.map(textOf).filter((line) => line.startsWith("error"))).toStrictEqual([]);
  });

  test("10 s later the session ends without a datagram, and the name is free", () => {
    continueScript(openSession("AB"))(`
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

  test("once all players have confirmed, the session is over and its name is free", () => {
    continueScript(openSession("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      A> y:Nice:Alice
      B> y:Nice:Bob
      @+1ms
      A> h:Nice:Alice:4
      A< i:Alice
      B> p:Nice:Bob
      B< error:non_existent_player
    `);
  });

  test("the next session of that name is repeated as often as the first", () => {
    const rig = openSession("AB");
    for (let round = 0; round < 2; round++) {
      rig.send("A", "h:Nice:Alice:4");
      rig.send("B", "c:Nice:Bob");
      for (let ping = 0; ping < 60; ping++) {
        for (const player of ["A", "B"]) rig.send(player, `p:Nice:${nameOf(player)}`);
        rig.advance(500);
      }
      const before = startLinesFor(rig, "B").length;
      rig.send("A", "s:Nice:Alice");
      rig.advance(1_000);
      expect(startLinesFor(rig, "B")).toHaveLength(before + 11);
      for (const player of ["A", "B"]) rig.send(player, `y:Nice:${nameOf(player)}`);
      rig.advance(2_000);
    }
  });
});
