/**
 * Silence and age on the Rabid wire. The original checks every 8 s and every 5 min; the sidecar notices both at once.
 */
import { describe, expect, test } from "vitest";
import { LEASE_CHECK_MS } from "#shared/limits.ts";
import { Rig, T0, textOf } from "../../support/exchange.ts";
import { continueScript, openSession } from "../support/wire-script.ts";

describe("a silent player", () => {
  test("is removed 9 s after its last ping, notified three times at 50 ms, and the others get the roster", () => {
    continueScript(openSession("ABC"))(`
      @+8999ms, every 500ms: A> p:Nice:Alice, C> p:Nice:Carol
      A< i:Alice:Bob:Carol (x17)
      C< i:Alice:Bob:Carol (x17)
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

  test.each([0, 1, 37, 50, 99])("is removed within one check interval: %i ms", (offset) => {
    const rig = new Rig();
    rig.advance(offset);
    rig.send("A", "h:Nice:Alice:4");
    rig.advance(1_234);
    rig.send("A", "p:Nice:Alice");
    const fellSilent = rig.now;
    const [dropped] = rig.advance(60_000);
    expect(textOf(dropped!)).toBe("error:player_timeout");
    expect(dropped!.at - fellSilent).toBeGreaterThanOrEqual(9_000);
    expect(dropped!.at - fellSilent).toBeLessThanOrEqual(9_000 + LEASE_CHECK_MS);
  });

  test("that never pinged is removed 9 s after it joined", () => {
    const rig = new Rig();
    rig.send("A", "h:Nice:Alice:4");
    const [dropped] = rig.advance(60_000);
    expect(textOf(dropped!)).toBe("error:player_timeout");
    expect(dropped!.at - T0).toBeGreaterThanOrEqual(9_000);
    expect(dropped!.at - T0).toBeLessThanOrEqual(9_000 + LEASE_CHECK_MS);
  });

  test("does not renew its lease with h: or c:, only with p:", () => {
    continueScript(openSession("AB", { pinged: "" }))(`
      @+8400ms, every 400ms: A> h:Nice:Alice:4, B> c:Nice:Bob
      A< i:Alice:Bob (x21)
      B< i:Alice:Bob (x21)
      @+100ms
      A< error:player_timeout
      B< i:Bob
      B< error:player_timeout
    `);
  });

  test("stays with a ping every 8.9 s", () => {
    continueScript(openSession("AB"))(`
      @+89s, every 8900ms: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x10)
      B< i:Alice:Bob (x10)
    `);
  });

  test("makes the next player host if it was host", () => {
    continueScript(openSession("ABC"))(`
      @+9s, every 1s: B> p:Nice:Bob, C> p:Nice:Carol
      B< i:Alice:Bob:Carol (x8)
      C< i:Alice:Bob:Carol (x8)
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

  test("frees the name if it was the last", () => {
    const { hub } = continueScript(openSession("A"))(`
      @+9100ms
      A< error:player_timeout (x3)
      B> h:Nice:Bob:4
      B< i:Bob
    `);
    expect(hub.lobby("Nice")?.host).toBe("Bob");
  });

  test("can join again", () => {
    continueScript(openSession("AB"))(`
      @+9s, every 1s: A> p:Nice:Alice
      A< i:Alice:Bob (x8)
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

  test("that joins again at once stays, and gets no more timeout errors, which would end it again", () => {
    continueScript(openSession("AB"))(`
      @+9s, every 1s: A> p:Nice:Alice
      A< i:Alice:Bob (x8)
      B< error:player_timeout
      A< i:Alice (x2)
      @+20ms
      B> c:Nice:Bob
      A< i:Alice:Bob
      B< i:Alice:Bob
      @+1s
    `);
  });

  test("at one of two sidecars is removed there and from the other's rosters", () => {
    const rig = new Rig();
    rig.send("A", "h:Nice:Alice:4");
    rig.send("B", "c:Nice:Bob", { sidecar: "south" });
    continueScript(rig)(`
      @+9s, every 1s: A> p:Nice:Alice
      A< i:Alice:Bob (x8)
      B/south< error:player_timeout
      A< i:Alice (x2)
      @+100ms
      B/south< error:player_timeout (x2)
    `);
  });
});

describe("a session that is never started", () => {
  test("ends after 15 min, with three errors to all players at 50 ms, and its name is free", () => {
    continueScript(openSession("AB"))(`
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

  test("is not prolonged by joins and leaves", () => {
    const rig = openSession("A");
    for (let minute = 0; minute < 14; minute++) {
      rig.send("B", "c:Nice:Bob");
      rig.send("B", "x:Nice:Bob");
      for (let second = 0; second < 60; second++) {
        rig.send("A", "p:Nice:Alice");
        rig.advance(1_000);
      }
    }
    continueScript(rig)(`
      @+59499ms, every 1s: A> p:Nice:Alice
      A< i:Alice (x59)
      @+1ms
      A< error:session_timeout
    `);
  });
});

describe("while the hub cannot be reached", () => {
  test("pings are answered from memory, questions get no reply, and no player is removed or gets an error", () => {
    const rig = openSession("AB");
    rig.disconnect("north");
    continueScript(rig)(`
      @+30s, every 1s: A> p:Nice:Alice, C> c:Nice:Carol, C> p:Nice:Carol, C> h:Other:Carol:4, C> p:Nope:Carol
      A< i:Alice:Bob (x30)
    `);
  });

  test("silence has no effect; afterwards it has, and earlier requests are answered", () => {
    const rig = openSession("AB");
    rig.disconnect("north");
    continueScript(rig)(`
      @+12s, every 1s: A> p:Nice:Alice
      A< i:Alice:Bob (x12)
      C> c:Nice:Carol
      C> c:Nice:Carol
      C> p:Nope:Carol
    `);
    const said = rig.reconnect("north").map(textOf);
    expect(said).toStrictEqual([...Array<string>(3).fill("i:Alice:Bob:Carol"), "error:session_non_existent"]);
    const dropped = rig.advance(10_000).filter((sent) => textOf(sent) === "error:player_timeout");
    expect(dropped.some((sent) => sent.to.port === 5_002)).toBe(true);
  });

  test("its return changes nothing for players that kept pinging", () => {
    const rig = openSession("AB");
    rig.disconnect("north");
    continueScript(rig)(`
      @+20s, every 1s: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x20)
      B< i:Alice:Bob (x20)
    `);
    expect(rig.reconnect("north")).toStrictEqual([]);
    continueScript(rig)(`
      @+100s, every 1s: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x100)
      B< i:Alice:Bob (x100)
    `);
  });

  test("events at another sidecar are known afterwards, and a start is not missed", () => {
    const rig = new Rig();
    rig.send("A", "h:Nice:Alice:4");
    rig.send("B", "c:Nice:Bob", { sidecar: "south" });
    rig.disconnect("south");
    continueScript(rig)(`
      B/south> p:Nice:Bob
      B/south< i:Alice:Bob
      A> s:Nice:Alice
      A< i:Alice:Bob
      A< s:5001:Bob:192.0.2.2:5002
      B/south> p:Nice:Bob
      B/south< i:Alice:Bob
    `);
    expect(rig.reconnect("south").map(textOf)).toStrictEqual(["s:5002:Alice:192.0.2.1:5001"]);
    continueScript(rig)(`
      @+100ms
      A< i:Alice:Bob (x4)
      A< s:5001:Bob:192.0.2.2:5002 (x4)
      B/south< s:5002:Alice:192.0.2.1:5001 (x4)
    `);
  });

  test("a player kicked meanwhile is not notified, and gets an error when it sends", () => {
    const rig = new Rig();
    rig.send("A", "h:Nice:Alice:4");
    rig.send("B", "c:Nice:Bob", { sidecar: "south" });
    rig.disconnect("south");
    continueScript(rig)(`
      A> k:Nice:Bob
      A< i:Alice
      B/south> p:Nice:Bob
      B/south< i:Alice:Bob
    `);
    expect(rig.reconnect("south")).toStrictEqual([]);
    continueScript(rig)(`
      B/south> p:Nice:Bob
      B/south< error:non_existent_player
      B/south> c:Nice:Bob
      B/south< error:kicked_by_host
    `);
  });
});
