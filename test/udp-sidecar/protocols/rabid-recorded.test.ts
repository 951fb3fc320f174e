/**
 * Seven recorded sessions between the original server and the original plugin, with the recorded times, and the
 * sidecar's replies. Where they differ, a comment states how; docs/reference/wires/rabid.md states why. In all of them
 * the plugin stops pinging when its test is over.
 */
import { test } from "vitest";
import { runScript } from "../support/wire-script.ts";

test("full: a third player in a session of two", () => {
  runScript(`
    A> h:GQINU8nNx:Alice:2
    A< i:Alice
    @+126ms
    B> c:GQINU8nNx:Bob
    A< i:Alice:Bob
    B< i:Alice:Bob
    @+104ms
    C> c:GQINU8nNx:Carol
    C< error:session_full
    # the original server sweeps every 8 s and drops both at 6.07 s; here each lease ends after 9 s
    @+8770ms
    A< error:player_timeout
    B< i:Bob
    @+400ms
    A< error:player_timeout (x2)
    B< error:player_timeout (x3)
    @+10s
  `);
});

test("start of two, right after the second has joined", () => {
  runScript(`
    A> h:GmpSEindR:Alice:4
    A< i:Alice
    @+115ms
    B> c:GmpSEindR:Bob
    A< i:Alice:Bob
    B< i:Alice:Bob
    @+3ms
    # neither has pinged yet: the original says s: alone, which a guest without i: throws away
    A> s:GmpSEindR:Alice
    A< i:Alice:Bob
    A< s:5001:Bob:192.0.2.2:5002
    B< i:Alice:Bob
    B< s:5002:Alice:192.0.2.1:5001
    # eight copies over 0.7 s in the original, eleven here, three more of them at the beginning
    @+706ms
    A< i:Alice:Bob (x10)
    A< s:5001:Bob:192.0.2.2:5002 (x10)
    B< i:Alice:Bob (x10)
    B< s:5002:Alice:192.0.2.1:5001 (x10)
    # the plugins punch now, and nobody pings
    @+17s
  `);
});

test("start of three, with a password", () => {
  runScript(`
    A> h:GyeTyNiXq:Alice:4:Pw12
    A< i:Alice
    @+120ms
    B> c:GyeTyNiXq:Bob:Pw12
    A< i:Alice:Bob
    B< i:Alice:Bob
    @+93ms
    C> c:GyeTyNiXq:Carol:Pw12
    A< i:Alice:Bob:Carol
    B< i:Alice:Bob:Carol
    C< i:Alice:Bob:Carol
    @+1ms
    A> s:GyeTyNiXq:Alice
    A< i:Alice:Bob:Carol
    A< s:5001:Bob:192.0.2.2:5002;Carol:192.0.2.3:5003
    B< i:Alice:Bob:Carol
    B< s:5002:Alice:192.0.2.1:5001;Carol:192.0.2.3:5003
    C< i:Alice:Bob:Carol
    C< s:5003:Alice:192.0.2.1:5001;Bob:192.0.2.2:5002
    @+707ms
    A< i:Alice:Bob:Carol (x10)
    A< s:5001:Bob:192.0.2.2:5002;Carol:192.0.2.3:5003 (x10)
    B< i:Alice:Bob:Carol (x10)
    B< s:5002:Alice:192.0.2.1:5001;Carol:192.0.2.3:5003 (x10)
    C< i:Alice:Bob:Carol (x10)
    C< s:5003:Alice:192.0.2.1:5001;Bob:192.0.2.2:5002 (x10)
    @+17s
  `);
});

test("kick", () => {
  runScript(`
    A> h:Gx1oL176w:Alice:4
    A< i:Alice
    @+86ms
    B> c:Gx1oL176w:Bob
    A< i:Alice:Bob
    B< i:Alice:Bob
    @+4ms
    A> k:Gx1oL176w:Bob
    B< error:kicked_by_host
    A< i:Alice
    # the original server lets B join again
    B> c:Gx1oL176w:Bob
    B< error:kicked_by_host
    # dropped at 5.74 s in the original
    @+8910ms
    A< error:player_timeout
    @+1s
    A< error:player_timeout (x2)
  `);
});

test("the host leaves", () => {
  runScript(`
    A> h:GaCHNUQPS:Alice:4
    A< i:Alice
    @+83ms
    B> c:GaCHNUQPS:Bob
    A< i:Alice:Bob
    B< i:Alice:Bob
    @+7ms
    A> x:GaCHNUQPS:Alice
    A< error:player_exited_session
    # the original server answers Bob's next ping with the error
    B< i:Bob
    @+518ms
    B> p:GaCHNUQPS:Bob
    B< i:Bob
    # the original server drops a member 13 s after its last ping
    @+8992ms
    @+100ms
    B< error:player_timeout
    @+1s
    B< error:player_timeout (x2)
  `);
});

test("the host stops sending while two others continue", () => {
  runScript(`
    A> h:GqR1AB1Z7:Alice:4
    A< i:Alice
    @+68ms
    B> c:GqR1AB1Z7:Bob
    A< i:Alice:Bob
    B< i:Alice:Bob
    @+86ms
    C> c:GqR1AB1Z7:Carol
    A< i:Alice:Bob:Carol
    B< i:Alice:Bob:Carol
    C< i:Alice:Bob:Carol
    @+8800ms, every 500ms: B> p:GqR1AB1Z7:Bob, C> p:GqR1AB1Z7:Carol
    B< i:Alice:Bob:Carol (x17)
    C< i:Alice:Bob:Carol (x17)
    # 12.6 s in the original, after 24 pings each
    @+46ms
    A< error:player_timeout
    B< i:Bob:Carol
    C< i:Bob:Carol
    @+100ms
    A< error:player_timeout (x2)
    @+7s, every 500ms: B> p:GqR1AB1Z7:Bob, C> p:GqR1AB1Z7:Carol
    B< i:Bob:Carol (x14)
    C< i:Bob:Carol (x14)
  `);
});

test("start alone, then another player joins", () => {
  runScript(`
    A> h:GyLNqivl0:Alice:4
    A< i:Alice
    @+7ms
    A> s:GyLNqivl0:Alice
    A< error:only_one_player_in_session
    @+1511ms, every 503ms: A> p:GyLNqivl0:Alice
    A< i:Alice (x3)
    @+67ms
    B> c:GyLNqivl0:Bob
    A< i:Alice:Bob
    B< i:Alice:Bob
  `);
});
