/** The start on the Rabid wire: the sender, the recipients, the repetitions, and what stops them. */
import { describe, expect, test } from "vitest";
import { Rig, textOf } from "../../support/exchange.ts";
import { continueScript, openSession, startLinesFor } from "../support/wire-script.ts";

/** When each copy of the start line is sent, in ms after the first. After 2 s the plugin would misread it. */
const COPIES_MS = [0, 15, 30, 45, 100, 200, 300, 400, 500, 600, 700];

describe("s: start", () => {
  test("sends each player its own port and all others, in the order of arrival, host first", () => {
    continueScript(openSession("ABCD"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002;Carol:192.0.2.3:5003;Dave:192.0.2.4:5004
      B< s:5002:Alice:192.0.2.1:5001;Carol:192.0.2.3:5003;Dave:192.0.2.4:5004
      C< s:5003:Alice:192.0.2.1:5001;Bob:192.0.2.2:5002;Dave:192.0.2.4:5004
      D< s:5004:Alice:192.0.2.1:5001;Bob:192.0.2.2:5002;Carol:192.0.2.3:5003
    `);
  });

  test("sends i: before s: to players that have not pinged since they joined", () => {
    continueScript(openSession("ABC", { pinged: "AC" }))(`
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

  test("sends i: again to a player that connects again", () => {
    continueScript(openSession("AB"))(`
      B> c:Nice:Bob
      B< i:Alice:Bob
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< i:Alice:Bob
      B< s:5002:Alice:192.0.2.1:5001
    `);
  });

  test("is sent to all players at 0, 15, 30 and 45 ms and then every 100 ms up to 0.7 s", () => {
    const rig = openSession("AB");
    const started = rig.now;
    rig.send("A", "s:Nice:Alice");
    rig.advance(5_000);
    for (const player of ["A", "B"]) {
      expect(startLinesFor(rig, player).map((sent) => sent.at - started)).toStrictEqual(COPIES_MS);
    }
  });

  test("is sent to all players at once, also across two sidecars", () => {
    const rig = new Rig();
    rig.send("A", "h:Nice:Alice:4");
    rig.send("B", "c:Nice:Bob", { sidecar: "south" });
    rig.send("C", "c:Nice:Carol", { via: 3_478 });
    const started = rig.now;
    continueScript(rig)(`
      A> s:Nice:Alice
      A< i:Alice:Bob:Carol
      A< s:5001:Bob:192.0.2.2:5002;Carol:192.0.2.3:5003
      C/3478< i:Alice:Bob:Carol
      C/3478< s:5003:Alice:192.0.2.1:5001;Bob:192.0.2.2:5002
      B/south< i:Alice:Bob:Carol
      B/south< s:5002:Alice:192.0.2.1:5001;Carol:192.0.2.3:5003
    `);
    rig.advance(5_000);
    for (const player of ["A", "B", "C"]) {
      expect(startLinesFor(rig, player).map((sent) => sent.at - started)).toStrictEqual(COPIES_MS);
    }
  });

  test("depends on the sender's address, not on the name in the message", () => {
    continueScript(openSession("AB"))(`
      A> s:Nice:Zoe
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
    `);
  });

  test("by anyone except the host: non_host_player", () => {
    continueScript(openSession("AB"))(`
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

  test("alone: only_one_player_in_session, and the session continues", () => {
    continueScript(openSession("A"))(`
      A> s:Nice:Alice
      A< error:only_one_player_in_session
      A> p:Nice:Alice
      A< i:Alice
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
    `);
  });

  test("of an unknown session: session_non_existent", () => {
    continueScript(new Rig())(`
      A> s:Nice:Alice
      A< error:session_non_existent
    `);
  });

  test("again gets no reply, and repeats nothing", () => {
    const rig = openSession("AB");
    const started = rig.now;
    rig.send("A", "s:Nice:Alice");
    continueScript(rig)(`
      A> s:Nice:Alice
      B> s:Nice:Bob
      C> s:Nice:Carol
    `);
    rig.advance(50);
    rig.send("A", "s:Nice:Alice");
    rig.advance(5_000);
    expect(startLinesFor(rig, "A").map((sent) => sent.at - started)).toStrictEqual(COPIES_MS);
  });

  test("of twelve players with the longest names and addresses stays under 420 bytes, the roster at 157", () => {
    const rig = new Rig();
    const names = Array.from({ length: 12 }, (_, index) => `Abcdefghij${String(index).padStart(2, "0")}`);
    const homes = names.map((_, index) => ({ address: `203.113.113.${100 + index}`, port: 65_500 + index }));
    for (const [index, home] of homes.entries()) {
      rig.send(home, index === 0 ? `h:Abcdefghi0:${names[0]}:12` : `c:Abcdefghi0:${names[index]}`);
    }
    const rosters: string[] = [];
    // Half a minute of the plugin's keepalives earns the send credit for lines of this length.
    for (let ping = 0; ping < 60; ping++) {
      for (const [index, home] of homes.entries()) {
        rosters.push(...rig.send(home, `p:Abcdefghi0:${names[index]}`).map(textOf));
      }
      rig.advance(500);
    }
    expect(new Set(rosters)).toStrictEqual(new Set([`i:${names.join(":")}`]));
    const said = rig.send(homes[0]!, `s:Abcdefghi0:${names[0]}`).map(textOf);
    expect(said).toHaveLength(12);
    expect(Math.max(...said.map((line) => line.length))).toBe(392);
    expect(rosters[0]).toHaveLength(157);
    expect(said[11]!.split(";")).toHaveLength(11);
  });
});

describe("y: received", () => {
  test("stops the copies for its sender only, and leaves the others' lines complete", () => {
    // In the original, players that have confirmed are missing from the later lines of the others.
    continueScript(openSession("AB"))(`
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

  test("again gets no reply", () => {
    continueScript(openSession("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      B> y:Nice:Bob
      B> y:Nice:Bob
    `);
  });

  test("before the start, or in no session: session_not_started, for any name", () => {
    continueScript(openSession("AB"))(`
      B> y:Nice:Bob
      B< error:session_not_started
      B> y:Nice:Nobody
      B< error:session_not_started
      C> y:Nope:Carol
      C< error:session_not_started
    `);
  });

  test("sent too early stops nothing later", () => {
    continueScript(openSession("AB"))(`
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

  test("of an unknown player: non_existent_player", () => {
    continueScript(openSession("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      A> y:Nice:Carol
      A< error:non_existent_player
    `);
  });

  test("from a foreign address confirms nothing and gets no reply", () => {
    continueScript(openSession("AB"))(`
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
