/** Who is who on the Rabid wire: foreign addresses, ports that a NAT moves, several sidecars, restarts. */
import { describe, expect, test } from "vitest";
import { at, type Rig, textOf } from "../../support/exchange.ts";
import { continued, dialogue, session } from "../support/wire-script.ts";

describe("a foreign address", () => {
  test("that pings in a member's name hears nothing, and keeps nobody alive", () => {
    continued(session("AB"))(`
      @+4999ms, every 500ms: A> p:Nice:Alice, C> p:Nice:Bob, B'> p:Nice:Bob
      A< i:Alice:Bob (x9)
      @+1ms
      B< error:player_timeout
      A< i:Alice
    `);
  });

  test("that pings while the session starts hears nobody's address", () => {
    continued(session("AB"))(`
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

  test("that leaves in a member's name removes nobody and hears nothing", () => {
    continued(session("AB"))(`
      C> x:Nice:Bob
      C> x:Nice:Alice
      B'> x:Nice:Bob
      B> p:Nice:Bob
      B< i:Alice:Bob
    `);
  });

  test("does not become host, nor is the host another, by using his name", () => {
    continued(session("AB"))(`
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

describe("a port that the NAT has moved", () => {
  test("is taken over by c: after more than 2 s of silence, and not before", () => {
    const { hub } = continued(session("AB"))(`
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
    expect(hub.lobby("Nice")?.members[1]?.source?.endpoint).toStrictEqual(at("B'"));
  });

  test("leaves the old one foreign", () => {
    continued(session("AB"))(`
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
    continued(session("AB"))(`
      @+4s
      A> p:Nice:Alice
      A< i:Alice:Bob
      B'> c:Nice:Bob
      B'< i:Alice:Bob
      @+4900ms, every 700ms: A> p:Nice:Alice
      A< i:Alice:Bob (x7)
      @+100ms
      B'< error:player_timeout
      A< i:Alice
    `);
  });

  test("is not taken over from another address", () => {
    continued(session("AB"))(`
      @+4s
      C> c:Nice:Bob
      C< error:player_name_in_use
      B> p:Nice:Bob
      B< i:Alice:Bob
    `);
  });

  test("is not taken over by p:, whatever the silence", () => {
    continued(session("AB"))(`
      @+4s
      B'> p:Nice:Bob
      B> p:Nice:Bob
      B< i:Alice:Bob
    `);
  });

  test("needs the password like anybody, and no seat", () => {
    dialogue(`
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

  test("of the host leaves him host, there and only there", () => {
    continued(session("ABC"))(`
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
      # he has not pinged since he came back
      A'< i:Alice:Carol
      A'< s:6001:Carol:192.0.2.3:5003
      C< s:5003:Alice:192.0.2.1:6001
    `);
  });

  test("is what the others are introduced to", () => {
    continued(session("AB"))(`
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
    dialogue(`
    A> h:Nice:Alice:4
    A< i:Alice
    B/south> c:Nice:Bob
    B/south< i:Alice:Bob
    A< i:Alice:Bob
  `);

  test("hold one session together: each answers its own, and both hear what happens", () => {
    continued(apart())(`
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

  test("know each other's refusals", () => {
    continued(apart())(`
      C/south> h:Nice:Carol:4
      C/south< error:session_exists
      C/south> c:Nice:Alice
      C/south< error:player_name_in_use
      B/south> s:Nice:Bob
      B/south< error:non_host_player
    `);
  });

  test("a player who says h: or c: to the other one is answered there from now on", () => {
    const rig = continued(apart())(`
      A/south> h:Nice:Alice:4
      A/south< i:Alice:Bob
      C/south> c:Nice:Carol
      A/south< i:Alice:Bob:Carol
      B/south< i:Alice:Bob:Carol
      C/south< i:Alice:Bob:Carol
    `);
    expect(rig.hub.lobby("Nice")?.members[0]?.source?.sidecar).toBe("south");
  });

  test("the one a player has left forgets him, and neither counts him nor answers him with old news", () => {
    const rig = continued(apart())(`
      B> c:Nice:Bob
      B< i:Alice:Bob
      C> c:Nice:Carol
      A< i:Alice:Bob:Carol
      B< i:Alice:Bob:Carol
      C< i:Alice:Bob:Carol
    `);
    expect(rig.sidecar("south").exchange.contacts.size).toBe(0);
    continued(rig)(`
      B/south> p:Nice:Bob
      B/south< i:Alice:Bob:Carol
    `);
  });

  test("the one a player has left does not drop him for his silence there", () => {
    continued(apart())(`
      B> c:Nice:Bob
      B< i:Alice:Bob
      @+30s, every 1s: A> p:Nice:Alice, B> p:Nice:Bob
      A< i:Alice:Bob (x30)
      B< i:Alice:Bob (x30)
    `);
  });
});

describe("a sidecar that starts anew", () => {
  test("is silent to its players until it hears them, then answers them as before", () => {
    const rig = session("AB");
    expect(rig.restart("north")).toStrictEqual([]);
    continued(rig)(`
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

  test("drops those it does not hear for a lease", () => {
    const rig = session("AB");
    rig.restart("north");
    continued(rig)(`
      @+4900ms, every 700ms: A> p:Nice:Alice
      A< i:Alice:Bob (x7)
      @+100ms
      B< error:player_timeout
      A< i:Alice
    `);
  });

  test("answers pings in a session that has started with s:, and repeats nothing of its own accord", () => {
    const rig = session("AB");
    rig.say("A", "s:Nice:Alice");
    rig.pass(1_000);
    expect(rig.restart("north").map(textOf)).toStrictEqual([]);
    continued(rig)(`
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

  test("lets a player back whose port moved meanwhile, after the silence that is always asked for", () => {
    const rig = session("AB");
    rig.restart("north");
    continued(rig)(`
      @+2s
      B'> c:Nice:Bob
      B'< error:player_name_in_use
      @+1ms
      B'> c:Nice:Bob
      B'< i:Alice:Bob
    `);
  });
});
