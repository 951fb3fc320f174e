/** Silence and age on the Rabid wire. The original looks every 8 s and every 5 min; here both are noticed at once. */
import { describe, expect, test } from "vitest";
import { LEASE_CHECK_MS } from "#shared/limits.ts";
import { Rig, T0, textOf } from "../../support/exchange.ts";
import { continued, session } from "../support/wire-script.ts";

describe("a player who falls silent", () => {
  test("is dropped 5 s after his last ping, told so three times at 50 ms, and the others hear who is left", () => {
    continued(session("ABC"))(`
      @+4999ms, every 500ms: A> p:Nice:Alice, C> p:Nice:Carol
      A< i:Alice:Bob:Carol (x9)
      C< i:Alice:Bob:Carol (x9)
      @+1ms
      B< error:player_timeout
      A< i:Alice:Carol
      C< i:Alice:Carol
      @+49ms
      @+1ms
      B< error:player_timeout
      @+49ms
      @+1ms
      B< error:player_timeout
      @+2s
      B> p:Nice:Bob
      B< error:non_existent_player
    `);
  });

  test.each([0, 1, 37, 50, 99])("is noticed within one look, wherever in it he falls silent: %i ms", (offset) => {
    const rig = new Rig();
    rig.pass(offset);
    rig.say("A", "h:Nice:Alice:4");
    rig.pass(1_234);
    rig.say("A", "p:Nice:Alice");
    const fellSilent = rig.now;
    const [dropped] = rig.pass(60_000);
    expect(textOf(dropped!)).toBe("error:player_timeout");
    expect(dropped!.at - fellSilent).toBeGreaterThanOrEqual(5_000);
    expect(dropped!.at - fellSilent).toBeLessThanOrEqual(5_000 + LEASE_CHECK_MS);
  });

  test("and never pinged at all is dropped 5 s after he came", () => {
    const rig = new Rig();
    rig.say("A", "h:Nice:Alice:4");
    const [dropped] = rig.pass(60_000);
    expect(textOf(dropped!)).toBe("error:player_timeout");
    expect(dropped!.at - T0).toBeGreaterThanOrEqual(5_000);
    expect(dropped!.at - T0).toBeLessThanOrEqual(5_000 + LEASE_CHECK_MS);
  });

  test("is not heard by saying h: or c: again: only p: counts", () => {
    continued(session("AB", { pinged: "" }))(`
      @+4400ms, every 400ms: A> h:Nice:Alice:4, B> c:Nice:Bob
      A< i:Alice:Bob (x11)
      B< i:Alice:Bob (x11)
      @+100ms
      A< error:player_timeout
      B< i:Bob
      B< error:player_timeout
    `);
  });

  test("lives on with a ping every 4.9 s", () => {
    continued(session("AB"))(`
      @+49s, every 4900ms: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x10)
      B< i:Alice:Bob (x10)
    `);
  });

  test("hands the session on if it was his", () => {
    continued(session("ABC"))(`
      @+5s, every 1s: B> p:Nice:Bob, C> p:Nice:Carol
      B< i:Alice:Bob:Carol (x4)
      C< i:Alice:Bob:Carol (x4)
      A< error:player_timeout
      B< i:Bob:Carol (x2)
      C< i:Bob:Carol (x2)
      B> k:Nice:Carol
      C< error:kicked_by_host
      B< i:Bob
      @+100ms
      A< error:player_timeout (x2)
    `);
  });

  test("frees the name if he was the last", () => {
    const { hub } = continued(session("A"))(`
      @+5100ms
      A< error:player_timeout (x3)
      B> h:Nice:Bob:4
      B< i:Bob
    `);
    expect(hub.lobby("Nice")?.host).toBe("Bob");
  });

  test("may come again", () => {
    continued(session("AB"))(`
      @+5s, every 1s: A> p:Nice:Alice
      A< i:Alice:Bob (x4)
      B< error:player_timeout
      A< i:Alice (x2)
      @+500ms
      B< error:player_timeout (x2)
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      @+3s, every 1s: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x3)
      B< i:Alice:Bob (x3)
    `);
  });

  test("and comes again at once is in, and hears no more of his time-out, which would end him again", () => {
    continued(session("AB"))(`
      @+5s, every 1s: A> p:Nice:Alice
      A< i:Alice:Bob (x4)
      B< error:player_timeout
      A< i:Alice (x2)
      @+20ms
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      @+1s
    `);
  });

  test("through two sidecars is dropped by his own and missed by the other's players", () => {
    const rig = new Rig();
    rig.say("A", "h:Nice:Alice:4");
    rig.say("B", "c:Nice:Bob", { sidecar: "south" });
    continued(rig)(`
      @+5s, every 1s: A> p:Nice:Alice
      A< i:Alice:Bob (x4)
      B/south< error:player_timeout
      A< i:Alice (x2)
      @+100ms
      B/south< error:player_timeout (x2)
    `);
  });
});

describe("a session that is never started", () => {
  test("ends after 15 min, with three words to everybody at 50 ms, and its name is free", () => {
    continued(session("AB"))(`
      @+899499ms, every 500ms: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x1798)
      B< i:Alice:Bob (x1798)
      @+1ms
      A< error:session_timeout
      B< error:session_timeout
      @+49ms
      @+1ms
      A< error:session_timeout
      B< error:session_timeout
      @+50ms
      A< error:session_timeout
      B< error:session_timeout
      @+10s
      A> p:Nice:Alice
      A< error:session_non_existent
      A> h:Nice:Alice:4
      A< i:Alice
    `);
  });

  test("is not prolonged by those who come and go", () => {
    const rig = session("A");
    for (let minute = 0; minute < 14; minute++) {
      rig.say("B", "c:Nice:Bob");
      rig.say("B", "x:Nice:Bob");
      for (let second = 0; second < 60; second++) {
        rig.say("A", "p:Nice:Alice");
        rig.pass(1_000);
      }
    }
    continued(rig)(`
      @+59499ms, every 1s: A> p:Nice:Alice
      A< i:Alice (x59)
      @+1ms
      A< error:session_timeout
    `);
  });
});

describe("while the hub cannot be reached", () => {
  test("pings are answered from memory, questions are met with silence, and nobody is dropped or told an error", () => {
    const rig = session("AB");
    rig.cut("north");
    continued(rig)(`
      @+30s, every 1s: A> p:Nice:Alice, C> c:Nice:Carol, C> p:Nice:Carol, C> h:Other:Carol:4, C> p:Nope:Carol
      A< i:Alice:Bob (x30)
    `);
  });

  test("silence is not judged; afterwards it is, and what was asked meanwhile is answered", () => {
    const rig = session("AB");
    rig.cut("north");
    continued(rig)(`
      @+8s, every 1s: A> p:Nice:Alice
      A< i:Alice:Bob (x8)
      C> c:Nice:Carol
      C> c:Nice:Carol
      C> p:Nope:Carol
    `);
    const said = rig.mend("north").map(textOf);
    expect(said).toStrictEqual([...Array<string>(3).fill("i:Alice:Bob:Carol"), "error:session_non_existent"]);
    const dropped = rig.pass(10_000).filter((sent) => textOf(sent) === "error:player_timeout");
    expect(dropped.some((sent) => sent.to.port === 5_002)).toBe(true);
  });

  test("its return is no news to those who were there all along", () => {
    const rig = session("AB");
    rig.cut("north");
    continued(rig)(`
      @+20s, every 1s: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x20)
      B< i:Alice:Bob (x20)
    `);
    expect(rig.mend("north")).toStrictEqual([]);
    continued(rig)(`
      @+100s, every 1s: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x100)
      B< i:Alice:Bob (x100)
    `);
  });

  test("what another sidecar's players did meanwhile is known afterwards, and a start is not missed", () => {
    const rig = new Rig();
    rig.say("A", "h:Nice:Alice:4");
    rig.say("B", "c:Nice:Bob", { sidecar: "south" });
    rig.cut("south");
    continued(rig)(`
      B/south> p:Nice:Bob
      B/south< i:Alice:Bob
      A> s:Nice:Alice
      A< i:Alice:Bob
      A< s:5001:Bob:192.0.2.2:5002
      B/south> p:Nice:Bob
      B/south< i:Alice:Bob
    `);
    expect(rig.mend("south").map(textOf)).toStrictEqual(["s:5002:Alice:192.0.2.1:5001"]);
    continued(rig)(`
      @+100ms
      A< i:Alice:Bob (x4)
      A< s:5001:Bob:192.0.2.2:5002 (x4)
      B/south< s:5002:Alice:192.0.2.1:5001 (x4)
    `);
  });

  test("who was kicked meanwhile is not told of it, and finds out when he speaks", () => {
    const rig = new Rig();
    rig.say("A", "h:Nice:Alice:4");
    rig.say("B", "c:Nice:Bob", { sidecar: "south" });
    rig.cut("south");
    continued(rig)(`
      A> k:Nice:Bob
      A< i:Alice
      B/south> p:Nice:Bob
      B/south< i:Alice:Bob
    `);
    expect(rig.mend("south")).toStrictEqual([]);
    continued(rig)(`
      B/south> p:Nice:Bob
      B/south< error:non_existent_player
      B/south> c:Nice:Bob
      B/south< error:kicked_by_host
    `);
  });
});
