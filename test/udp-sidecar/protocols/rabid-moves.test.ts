/** Identity on the Rabid wire: foreign addresses, ports that a NAT changes, several sidecars, restarts. */
import { describe, expect, test } from "vitest";
import { endpointOf, type Rig, textOf } from "../../support/exchange.ts";
import { continueScript, runScript, openSession } from "../support/wire-script.ts";

describe("a foreign address", () => {
  test("that pings in a member's name gets no reply, and renews nothing", () => {
    continueScript(openSession("AB"))(`
      @+8999ms, every 500ms: A> p:Nice:Alice, C> p:Nice:Bob, B'> p:Nice:Bob
      A< i:Alice:Bob (x17)
      @+1ms
      B< error:player_timeout
      A< i:Alice
    `);
  });

  test("that pings while the session starts gets no addresses", () => {
    continueScript(openSession("AB"))(`
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:5002
      B< s:5002:Alice:192.0.2.1:5001
      C> p:Nice:Bob
      C> p:Nice:Alice
      B'> p:Nice:Bob
      # nor through a sidecar that does not know the members
      C/south> p:Nice:Bob
    `);
  });

  test("that leaves in a member's name removes nobody and gets no reply", () => {
    continueScript(openSession("AB"))(`
      C> x:Nice:Bob
      C> x:Nice:Alice
      B'> x:Nice:Bob
      B> p:Nice:Bob
      B< i:Alice:Bob
    `);
  });

  test("does not become host by using the host's name", () => {
    continueScript(openSession("AB"))(`
      C> h:Nice:Alice:4
      C< error:session_exists
      C> c:Nice:Alice
      C< error:player_name_in_use
      C> k:Nice:Bob
      C< error:non_host_player
      C> s:Nice:Alice
      C< error:non_host_player
      B> p:Nice:Bob
      B< i:Alice:Bob
    `);
  });
});

describe("a port that the NAT has changed", () => {
  test("is adopted by c: after more than 2 s of silence, and not before", () => {
    const { hub } = continueScript(openSession("AB"))(`
      @+1999ms
      B'> c:Nice:Bob
      B'< error:player_name_in_use
      @+1ms
      B'> c:Nice:Bob
      B'< error:player_name_in_use
      @+1ms
      B'> c:Nice:Bob
      B'< i:Alice:Bob
      B'> p:Nice:Bob
      B'< i:Alice:Bob
    `);
    expect(hub.lobby("Nice")?.members[1]?.source?.endpoint).toStrictEqual(endpointOf("B'"));
  });

  test("makes the old one foreign", () => {
    continueScript(openSession("AB"))(`
      @+2001ms
      B'> c:Nice:Bob
      B'< i:Alice:Bob
      B> p:Nice:Bob
      B> x:Nice:Bob
      B'> x:Nice:Bob
      B'< error:player_exited_session
      A< i:Alice
    `);
  });

  test("gives the player a new lease", () => {
    continueScript(openSession("AB"))(`
      @+8s
      A> p:Nice:Alice
      A< i:Alice:Bob
      B'> c:Nice:Bob
      B'< i:Alice:Bob
      @+8400ms, every 700ms: A> p:Nice:Alice
      A< i:Alice:Bob (x12)
      @+500ms
      @+100ms
      B'< error:player_timeout
      A< i:Alice
    `);
  });

  test("is not adopted from another address", () => {
    continueScript(openSession("AB"))(`
      @+4s
      C> c:Nice:Bob
      C< error:player_name_in_use
      B> p:Nice:Bob
      B< i:Alice:Bob
    `);
  });

  test("is not adopted by p:, after any silence", () => {
    continueScript(openSession("AB"))(`
      @+4s
      B'> p:Nice:Bob
      B> p:Nice:Bob
      B< i:Alice:Bob
    `);
  });

  test("needs the password, and no free seat", () => {
    runScript(`
      A> h:Nice:Alice:2:Pw12
      A< i:Alice
      B> c:Nice:Bob:Pw12
      A< i:Alice:Bob
      B< i:Alice:Bob
      @+3s
      B'> c:Nice:Bob
      B'< error:password_mismatch
      B'> c:Nice:Bob:Pw12
      B'< i:Alice:Bob
    `);
  });

  test("of the host keeps it host, at the new port only", () => {
    continueScript(openSession("ABC"))(`
      @+3s
      A'> c:Nice:Alice
      A'< i:Alice:Bob:Carol
      A> k:Nice:Bob
      A< error:non_host_player
      A'> k:Nice:Bob
      B< error:kicked_by_host
      A'< i:Alice:Carol
      C< i:Alice:Carol
      A'> s:Nice:Alice
      # A has not pinged since it returned
      A'< i:Alice:Carol
      A'< s:6001:Carol:192.0.2.3:5003
      C< s:5003:Alice:192.0.2.1:6001
    `);
  });

  test("is the one in the introduction of the others", () => {
    continueScript(openSession("AB"))(`
      @+3s
      B'> c:Nice:Bob
      B'< i:Alice:Bob
      B'> p:Nice:Bob
      B'< i:Alice:Bob
      A> s:Nice:Alice
      A< s:5001:Bob:192.0.2.2:6002
      B'< s:6002:Alice:192.0.2.1:5001
    `);
  });
});

describe("two sidecars", () => {
  const apart = (): Rig =>
    runScript(`
    A> h:Nice:Alice:4
    A< i:Alice
    B/south> c:Nice:Bob
    B/south< i:Alice:Bob
    A< i:Alice:Bob
  `);

  test("share one session: each answers its own players, and both send the news", () => {
    continueScript(apart())(`
      A> p:Nice:Alice
      A< i:Alice:Bob
      B/south> p:Nice:Bob
      B/south< i:Alice:Bob
      C> c:Nice:Carol
      A< i:Alice:Bob:Carol
      C< i:Alice:Bob:Carol
      B/south< i:Alice:Bob:Carol
      A> k:Nice:Carol
      C< error:kicked_by_host
      A< i:Alice:Bob
      B/south< i:Alice:Bob
      B/south> x:Nice:Bob
      B/south< error:player_exited_session
      A< i:Alice
    `);
  });

  test("share the refusals", () => {
    continueScript(apart())(`
      C/south> h:Nice:Carol:4
      C/south< error:session_exists
      C/south> c:Nice:Alice
      C/south< error:player_name_in_use
      B/south> s:Nice:Bob
      B/south< error:non_host_player
    `);
  });

  test("a player that sends h: or c: to the other one is answered there from now on", () => {
    const rig = continueScript(apart())(`
      A/south> h:Nice:Alice:4
      A/south< i:Alice:Bob
      C/south> c:Nice:Carol
      A/south< i:Alice:Bob:Carol
      B/south< i:Alice:Bob:Carol
      C/south< i:Alice:Bob:Carol
    `);
    expect(rig.hub.lobby("Nice")?.members[0]?.source?.sidecar).toBe("south");
  });

  test("the one that a player has left removes it and sends it no old notices", () => {
    const rig = continueScript(apart())(`
      B> c:Nice:Bob
      B< i:Alice:Bob
      C> c:Nice:Carol
      A< i:Alice:Bob:Carol
      B< i:Alice:Bob:Carol
      C< i:Alice:Bob:Carol
    `);
    expect(rig.sidecar("south").exchange.contacts.size).toBe(0);
    continueScript(rig)(`
      B/south> p:Nice:Bob
      B/south< i:Alice:Bob:Carol
    `);
  });

  test("the one that a player has left does not report its silence", () => {
    continueScript(apart())(`
      B> c:Nice:Bob
      B< i:Alice:Bob
      @+30s, every 1s: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x30)
      B< i:Alice:Bob (x30)
    `);
  });
});

describe("a restarted sidecar", () => {
  test("sends nothing to its players until they send, then answers as before", () => {
    const rig = openSession("AB");
    expect(rig.restart("north")).toStrictEqual([]);
    continueScript(rig)(`
      @+1s
      A> p:Nice:Alice
      A< i:Alice:Bob
      B> p:Nice:Bob
      B< i:Alice:Bob
      # a foreign address is still foreign
      C> p:Nice:Bob
      C> x:Nice:Bob
      @+100s, every 1s: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x100)
      B< i:Alice:Bob (x100)
    `);
  });

  test("removes players that send nothing for a lease", () => {
    const rig = openSession("AB");
    rig.restart("north");
    continueScript(rig)(`
      @+8400ms, every 700ms: A> p:Nice:Alice
      A< i:Alice:Bob (x12)
      @+500ms
      @+100ms
      B< error:player_timeout
      A< i:Alice
    `);
  });

  test("answers pings in a started session with s:, and repeats nothing unasked", () => {
    const rig = openSession("AB");
    rig.send("A", "s:Nice:Alice");
    rig.advance(1_000);
    expect(rig.restart("north").map(textOf)).toStrictEqual([]);
    continueScript(rig)(`
      @+1s
      B> p:Nice:Bob
      B< s:5002:Alice:192.0.2.1:5001
      C> p:Nice:Bob
      @+1s
      A> c:Nice:Alice
      A< i:Alice:Bob
      A< s:5001:Bob:192.0.2.2:5002
      @+1s
    `);
  });

  test("readmits a player whose port changed meanwhile, after the usual silence", () => {
    const rig = openSession("AB");
    rig.restart("north");
    continueScript(rig)(`
      @+2s
      B'> c:Nice:Bob
      B'< error:player_name_in_use
      @+1ms
      B'> c:Nice:Bob
      B'< i:Alice:Bob
    `);
  });
});
