/** The start on the Rabid wire: who may, who is told what, how often, and what stops it. */
import { describe, expect, test } from "vitest";
import { Rig, textOf } from "../../support/exchange.ts";
import { continued, session, startLinesFor } from "../support/wire-script.ts";

/** When each copy of the start line leaves, in ms after the first. Later than 2 s it would be misread. */
const COPIES_MS = [0, 15, 30, 45, 100, 200, 300, 400, 500, 600, 700];

describe("s: start", () => {
  test("tells each player his own port and all others, in the order of arrival, so the host comes first", () => {
    continued(session("ABCD"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002;Carol:192.0.2.3:5003;Dave:192.0.2.4:5004
      B< s:5002:Alice:192.0.2.1:5001;Carol:192.0.2.3:5003;Dave:192.0.2.4:5004
      C< s:5003:Alice:192.0.2.1:5001;Bob:192.0.2.2:5002;Dave:192.0.2.4:5004
      D< s:5004:Alice:192.0.2.1:5001;Bob:192.0.2.2:5002;Carol:192.0.2.3:5003
    `);
  });

  test("puts i: before s: for those who have not pinged since they joined", () => {
    continued(session("ABC", { pinged: "AC" }))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002;Carol:192.0.2.3:5003
      B< i:Alice:Bob:Carol
      B< s:5002:Alice:192.0.2.1:5001;Carol:192.0.2.3:5003
      C< s:5003:Alice:192.0.2.1:5001;Bob:192.0.2.2:5002
      # every copy, for each may be the first to arrive
      @+15ms
      A< s:5001:Bob:192.0.2.2:5002;Carol:192.0.2.3:5003
      B< i:Alice:Bob:Carol
      B< s:5002:Alice:192.0.2.1:5001;Carol:192.0.2.3:5003
      C< s:5003:Alice:192.0.2.1:5001;Bob:192.0.2.2:5002
    `);
  });

  test("takes somebody who connects once more for one who does not know yet that he is in", () => {
    continued(session("AB"))(`
      B> c:Nice:Bob
      B< i:Alice:Bob
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< i:Alice:Bob
      B< s:5002:Alice:192.0.2.1:5001
    `);
  });

  test("is said to everybody at 0, 15, 30 and 45 ms and then every 100 ms up to 0.7 s", () => {
    const rig = session("AB");
    const started = rig.now;
    rig.say("A", "s:Nice:Alice");
    rig.pass(5_000);
    for (const player of ["A", "B"]) {
      expect(startLinesFor(rig, player).map((sent) => sent.at - started)).toStrictEqual(COPIES_MS);
    }
  });

  test("leaves in one instant for everybody, also where two sidecars hold them", () => {
    const rig = new Rig();
    rig.say("A", "h:Nice:Alice:4");
    rig.say("B", "c:Nice:Bob", { sidecar: "south" });
    rig.say("C", "c:Nice:Carol", { via: 3_478 });
    const started = rig.now;
    continued(rig)(`
      A> s:Nice:Alice
      A< i:Alice:Bob:Carol
      A< s:5001:Bob:192.0.2.2:5002;Carol:192.0.2.3:5003
      C/3478< i:Alice:Bob:Carol
      C/3478< s:5003:Alice:192.0.2.1:5001;Bob:192.0.2.2:5002
      B/south< i:Alice:Bob:Carol
      B/south< s:5002:Alice:192.0.2.1:5001;Carol:192.0.2.3:5003
    `);
    rig.pass(5_000);
    for (const player of ["A", "B", "C"]) {
      expect(startLinesFor(rig, player).map((sent) => sent.at - started)).toStrictEqual(COPIES_MS);
    }
  });

  test("counts the sender's address, not the name he gives", () => {
    continued(session("AB"))(`
      A> s:Nice:Somebody
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
    `);
  });

  test("by anyone but the host: non_host_player", () => {
    continued(session("AB"))(`
      B> s:Nice:Bob
      B< error:non_host_player
      C> s:Nice:Alice
      C< error:non_host_player
      # even where a lone host could not start either
      B> x:Nice:Bob
      B< error:player_exited_session
      A< i:Alice
      C> s:Nice:Alice
      C< error:non_host_player
    `);
  });

  test("alone: only_one_player_in_session, and the session goes on", () => {
    continued(session("A"))(`
      A> s:Nice:Alice
      A< error:only_one_player_in_session
      A> p:Nice:Alice
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
    `);
  });

  test("of nothing: session_non_existent", () => {
    continued(new Rig())(`
      A> s:Nice:Alice
      A< error:session_non_existent
    `);
  });

  test("again is met with silence, whoever asks, and repeats nothing", () => {
    const rig = session("AB");
    const started = rig.now;
    rig.say("A", "s:Nice:Alice");
    continued(rig)(`
      A> s:Nice:Alice
      B> s:Nice:Bob
      C> s:Nice:Carol
    `);
    rig.pass(50);
    rig.say("A", "s:Nice:Alice");
    rig.pass(5_000);
    expect(startLinesFor(rig, "A").map((sent) => sent.at - started)).toStrictEqual(COPIES_MS);
  });

  test("of twelve players with the longest names and addresses stays under 420 bytes, the roster at 157", () => {
    const rig = new Rig();
    const names = Array.from({ length: 12 }, (_, index) => `Abcdefghij${String(index).padStart(2, "0")}`);
    const homes = names.map((_, index) => ({ address: `203.113.113.${100 + index}`, port: 65_500 + index }));
    for (const [index, home] of homes.entries()) {
      rig.say(home, index === 0 ? `h:Abcdefghi0:${names[0]}:12` : `c:Abcdefghi0:${names[index]}`);
    }
    const said = rig.say(homes[0]!, `s:Abcdefghi0:${names[0]}`).map(textOf);
    expect(said).toHaveLength(24);
    expect(Math.max(...said.map((line) => line.length))).toBe(392);
    expect(said[0]).toBe(`i:${names.join(":")}`);
    expect(said[0]).toHaveLength(157);
    expect(said[23]!.split(";")).toHaveLength(11);
  });
});

describe("y: got it", () => {
  test("stops the copies for him who said it, and for nobody else, and leaves the others' lines whole", () => {
    // In the original the line of those who still wait loses whoever has confirmed.
    continued(session("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      @+20ms
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      A> y:Nice:Alice
      @+80ms
      B< s:5002:Alice:192.0.2.1:5001 (x3)
      B> y:Nice:Bob
      @+5s
    `);
  });

  test("again is met with silence", () => {
    continued(session("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      B> y:Nice:Bob
      B> y:Nice:Bob
    `);
  });

  test("before the start, or in no session at all: session_not_started, whoever is named", () => {
    continued(session("AB"))(`
      B> y:Nice:Bob
      B< error:session_not_started
      B> y:Nice:Nobody
      B< error:session_not_started
      C> y:Nope:Carol
      C< error:session_not_started
    `);
  });

  test("said too early silences nothing that comes later", () => {
    continued(session("AB"))(`
      B> y:Nice:Bob
      B< error:session_not_started
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      @+700ms
      A< s:5001:Bob:192.0.2.2:5002 (x10)
      B< s:5002:Alice:192.0.2.1:5001 (x10)
    `);
  });

  test("of nobody: non_existent_player", () => {
    continued(session("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      A> y:Nice:Carol
      A< error:non_existent_player
    `);
  });

  test("from a foreign address confirms nothing and is not answered", () => {
    continued(session("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      C> y:Nice:Alice
      C> y:Nice:Bob
      A'> y:Nice:Alice
      @+700ms
      A< s:5001:Bob:192.0.2.2:5002 (x10)
      B< s:5002:Alice:192.0.2.1:5001 (x10)
    `);
  });
});
