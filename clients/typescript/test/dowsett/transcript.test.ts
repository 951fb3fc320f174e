/**
 * Golden transcripts in both directions: a session receives what the original server and script sent in a recording,
 * and must send what the original script sent, datagram by datagram, hashes included. Packets without a recording
 * (checks, removals, refreshes, the host as handshake server) are written by hand.
 */
import { describe, expect, test } from "vitest";
import type { DowsettEvent } from "../../src/dowsett/events.ts";
import { Session } from "../../src/dowsett/session.ts";
import { A, addressOf, B, C, canonical, lan, Net, type Node, Server, show } from "../support/dowsett.ts";
import { recorded, SERVER } from "../support/dowsett-recorded.ts";

const HANDSHAKE = addressOf(SERVER);
const GREETING = (who: string) => ({ text: `hello from ${who}`, n: 7, ok: true });

type Played = { sent: string[]; wanted: string[]; events: DowsettEvent[]; session: Session };

/** Plays `who` in the recording: every datagram to it goes in, and every datagram of it must come out. */
function play(
  who: string,
  handshakePassword: string,
  begin: (session: Session) => void,
  react: (session: Session, event: DowsettEvent) => void = () => {},
): Played {
  const session = new Session({}, { makePassword: () => handshakePassword });
  const played: Played = { sent: [], wanted: [], events: [], session };
  const drain = (): void => {
    for (;;) {
      const { datagrams, events } = session.drain();
      for (const { bytes, to } of datagrams)
        played.sent.push(`${to.join(":")} ${canonical(Buffer.from(bytes).toString())}`);
      played.events.push(...events);
      for (const event of events) react(session, event);
      if (events.length === 0) return;
    }
  };
  begin(session);
  drain();
  for (const { from, to, text } of recorded) {
    if (from === who) played.wanted.push(`${to} ${canonical(text)}`);
    if (to !== who) continue;
    session.receive(Buffer.from(text), addressOf(from), 0);
    drain();
  }
  played.sent.sort();
  played.wanted.sort();
  return played;
}

const hosting = (at: string, serverName: string, password?: string) => (session: Session) =>
  session.initServer(
    { handshakeAddress: HANDSHAKE, localAddress: addressOf(at), serverName, password: password ?? null },
    1,
    0,
  );

const joining = (at: string, userName: string, serverName: string, password?: string) => (session: Session) =>
  session.initClient(
    { handshakeAddress: HANDSHAKE, localAddress: addressOf(at), userName, serverName, password: password ?? null },
    1,
    0,
  );

const received = (played: Played, name: string): unknown[][] =>
  played.events.filter(([event]) => event === name).map(([, ...carries]) => carries);

describe("instead of the original script", () => {
  const greet = (session: Session, to: string, who: string): void => {
    session.sendUnreliable(to, GREETING(who), 0);
    session.sendReliable(to, `hello from ${who}`, null, 0);
  };

  test("a host sends the same packets: registration, inquiries, messages, peer list", () => {
    const played = play("127.0.0.1:37432", "cwd3ZWGeuy", hosting("127.0.0.1:37432", "srvYYWVKm"), (session, event) => {
      if (event[0] === "peerJoined") greet(session, event[1], "host");
    });
    expect(played.sent).toStrictEqual(played.wanted);
    expect(played.wanted).toHaveLength(9);
    expect(received(played, "confirmedAsServer")).toStrictEqual([[HANDSHAKE]]);
    expect(received(played, "peerJoined")).toStrictEqual([["usrDgO6sI"]]);
    const at = { from: "usrDgO6sI", to: "srvYYWVKm", isBroadcast: false };
    const unreliable = { ...at, message: GREETING("client") };
    expect(received(played, "receivedUnreliableMessageFromPeer")).toStrictEqual([[unreliable]]);
    const reliable = { ...at, message: "hello from client", messageId: 0 };
    expect(received(played, "receivedReliableMessageFromPeer")).toStrictEqual([[reliable]]);
    const confirmed = {
      from: "srvYYWVKm",
      to: "usrDgO6sI",
      isBroadcast: false,
      message: "hello from host",
      messageId: 0,
    };
    expect(received(played, "peerConfirmedReliableMessageReceived")).toStrictEqual([[confirmed]]);
    expect(received(played, "packetBlocked")).toStrictEqual([]);
  });

  test("a guest sends the same packets: join, inquiries, messages, response to the peer list", () => {
    const begin = joining("127.0.0.1:40126", "usrDgO6sI", "srvYYWVKm");
    const played = play("127.0.0.1:40126", "cLZmdiRXfl", begin, (session, event) => {
      if (event[0] === "confirmedAsClient") greet(session, "srvYYWVKm", "client");
    });
    expect(played.sent).toStrictEqual(played.wanted);
    expect(played.wanted).toHaveLength(9);
    expect(received(played, "confirmedAsClient")).toStrictEqual([[["127.0.0.1", 37432]]]);
    expect(received(played, "peerJoined")).toStrictEqual([["srvYYWVKm"]]);
    expect(received(played, "receivedReliableMessageFromPeer")).toHaveLength(1);
    expect(received(played, "peerConfirmedReliableMessageReceived")).toHaveLength(1);
    expect(received(played, "packetBlocked")).toStrictEqual([]);
  });

  test("a host of two introduces each guest to the other", () => {
    const played = play("127.0.0.1:42347", "5GKHrkrbEd", hosting("127.0.0.1:42347", "srvppFVR9"));
    expect(played.sent).toStrictEqual(played.wanted);
    expect(received(played, "peerJoined")).toStrictEqual([["usrwPzYhb"], ["usrbOiCVn"]]);
  });

  test("a guest that learns of another guest sends the same packets, and additional inquiries", () => {
    const begin = joining("127.0.0.1:43960", "usrwPzYhb", "srvppFVR9");
    const played = play("127.0.0.1:43960", "5EdYZdMQdY", begin);
    const more = played.sent.filter((text) => !played.wanted.includes(text));
    expect(played.wanted.filter((text) => !played.sent.includes(text))).toStrictEqual([]);
    expect(more).toHaveLength(2);
    for (const text of more) expect(text).toMatch(/^127\.0\.0\.1:51716 .*"__type":"address-inquiry"/);
    expect(received(played, "peerJoined")).toStrictEqual([["srvppFVR9"], ["usrbOiCVn"]]);
  });

  test("a guest with a wrong password quits and leaves the server", () => {
    const begin = joining("127.0.0.1:46126", "usr0vZyBH", "srvYqY7db", "wrong");
    const played = play("127.0.0.1:46126", "gaa0hVZsxK", begin);
    // The script's first inquiries crossed the host's. The client's leave after the server's introduction.
    expect(played.sent).toStrictEqual(played.wanted);
    expect(received(played, "error")).toStrictEqual([["packet has incorrect password (hash mismatch)"]]);
    expect(received(played, "sessionTerminated")).toHaveLength(1);
  });

  test("a host with a password refuses the wrong guest and accepts the right one", () => {
    const played = play("127.0.0.1:34031", "pDOo8vlKJ6", hosting("127.0.0.1:34031", "srvYqY7db", "right"));
    expect(played.sent).toStrictEqual(played.wanted);
    expect(received(played, "error")).toStrictEqual([["packet from usr0vZyBH has incorrect password (hash mismatch)"]]);
    expect(received(played, "peerJoined")).toStrictEqual([["usrr5iVM8"]]);
  });

  test("a guest of an unknown host gets an error and leaves the server", () => {
    const played = play("127.0.0.1:59273", "7CLTNokeOe", joining("127.0.0.1:59273", "usrkaXAAl", "nobodyhere"));
    expect(played.sent).toStrictEqual(played.wanted);
    expect(received(played, "error")).toStrictEqual([["nobodyhere not found"]]);
  });

  test("a host whose name is in use gets an error and leaves the server", () => {
    const played = play("127.0.0.1:51658", "Ltb6A7yLAS", hosting("127.0.0.1:51658", "srv8Fk1Hy"));
    expect(played.sent).toStrictEqual(played.wanted);
    expect(received(played, "error")).toStrictEqual([["server already exists"]]);
    expect(received(played, "sessionTerminated")).toHaveLength(1);
  });

  test("a list is requested without a session", () => {
    const played = play("127.0.0.1:59551", "k6CehFE4hu", (session) => session.requestServerList(HANDSHAKE, 1, 0));
    expect(played.sent).toStrictEqual(played.wanted);
    const servers = [
      { name: "srvYYWVKm", passwordIsRequired: false },
      { name: "srvppFVR9", passwordIsRequired: false },
      { name: "srvYqY7db", passwordIsRequired: true },
    ];
    expect(received(played, "receivedServerList")).toStrictEqual([[servers, HANDSHAKE]]);
  });

  test("a leaving host notifies the server and its guest", () => {
    const played = play("127.0.0.1:58356", "ydUhqGkIo8", hosting("127.0.0.1:58356", "srv39pbJh"), (session, event) => {
      if (event[0] === "packetReceived" && event[1]["__type"] === "update-peer-list-response") session.quit(0);
    });
    expect(played.sent).toStrictEqual(played.wanted);
    expect(played.wanted.filter((text) => text.includes('"drop-me"'))).toHaveLength(2);
  });

  test("a guest whose host leaves ends its session and notifies both", () => {
    const played = play("127.0.0.1:60986", "IX956QelsY", joining("127.0.0.1:60986", "usr7DECJ4", "srv39pbJh"));
    expect(played.sent).toStrictEqual(played.wanted);
    expect(received(played, "error")).toStrictEqual([["server peer disconnected"]]);
  });

  test("names beyond ASCII are equal, escaped by the server or raw from the script", () => {
    const host = play("127.0.0.1:45598", "KA2EHzAJ6R", hosting("127.0.0.1:45598", "Zoë漢hEk1Ro"));
    expect(host.sent).toStrictEqual(host.wanted);
    const guest = play("127.0.0.1:57553", "dc7mv7J9bJ", joining("127.0.0.1:57553", "üsriUoRHk", "Zoë漢hEk1Ro"));
    expect(guest.sent).toStrictEqual(guest.wanted);
    expect(received(guest, "peerJoined")).toStrictEqual([["Zoë漢hEk1Ro"]]);
  });

  test("an emoji in the server's name does not block a guest, unlike in the script", () => {
    const guest = play("127.0.0.1:43582", "MshCw2qbaQ", joining("127.0.0.1:43582", "usr6OL2T6", "srv😀N7JOLc"));
    expect(received(guest, "error")).toStrictEqual([]);
    expect(guest.sent.filter((text) => text.includes('"address-inquiry"'))).toHaveLength(2);
  });
});

describe("what was not recorded", () => {
  const says = (net: Net, type: string, from = ""): string[] =>
    net.wire
      .filter(({ text }) => text.includes(`"__type":"${type}"`))
      .map(show)
      .filter((line) => line.startsWith(from));

  test("a peer check and its response match the document", () => {
    const net = new Net();
    lan(net, [["Bob", B]]);
    net.run(15_050);
    expect(says(net, "peer-check", "10.0.0.2")).toStrictEqual([
      '10.0.0.2:4002 -> 10.0.0.1:5160 {"__type":"peer-check","__sender-name":"Bob","__destination-name":"Alice","__destination-address":["10.0.0.1",5160],"__hash-string":"b4845d7bb33f15749d48fb2ada5f9fdcaa32194e1ad42e6897bcaf981f0a02ee"}',
    ]);
    expect(says(net, "peer-check-response", "10.0.0.1")).toStrictEqual([
      '10.0.0.1:5160 -> 10.0.0.2:4002 {"__type":"peer-check-response","__sender-name":"Alice","__destination-name":"Bob","__destination-address":["10.0.0.2",4002],"__hash-string":"1162e1be9b5479d95f18c69f9126dc86a0e7d2a1f123aa3ffb2b44668a5beb2c"}',
    ]);
  });

  test("a removal from the peer list matches the document", () => {
    const net = new Net();
    const [host] = lan(net, [
      ["Bob", B],
      ["Cleo", C],
    ]);
    host.do((now) => host.session.dropPeer("Cleo", now));
    expect(says(net, "update-peer-list").slice(-1)).toStrictEqual([
      '10.0.0.1:5160 -> 10.0.0.2:4002 {"action":"remove","peer-infos":{"Cleo":{"global-address":["10.0.0.3",4003],"local-address":["10.0.0.3",4003],"use-global":true}},"__type":"update-peer-list","__sender-name":"Alice","__destination-name":"Bob","__destination-address":["10.0.0.2",4002],"__hash-string":"c80c9cea1f4508a069b498fc1e3fc3cf27b55b3a248f89bc01a31047ec442127"}',
    ]);
  });

  test("a refresh of the registration has no password", () => {
    const net = new Net();
    const server = new Server(net, ["192.0.2.1", 5160]);
    const host = net.node("Alice", { address: A });
    host.host(server.where.global);
    net.run(15_010);
    expect(says(net, "refreshing-server-registration")).toStrictEqual([
      '10.0.0.1:5160 -> 192.0.2.1:5160 {"seconds-before-expiry":60,"__type":"refreshing-server-registration","__sender-name":"Alice","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["192.0.2.1",5160],"__hash-string":"b89072bf7277dcab0673749dc55c2d9b9031cf59dee4d7127ca0ca39dce4ccfd"}',
    ]);
  });

  test("a LAN host answers a join with three copies of its introduction", () => {
    const net = new Net();
    lan(net, [["Bob", B]]);
    expect(says(net, "requesting-to-join-server")).toStrictEqual([
      '10.0.0.2:4002 -> 10.0.0.1:5160 {"local-address":["10.0.0.2",4002],"server-name":"Alice","password":"Bob-0","__type":"requesting-to-join-server","__sender-name":"Bob","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["10.0.0.1",5160],"__hash-string":"0674584a505ac57f3057d3533f23189b07397a80547968acbb439ca53827d673"}',
    ]);
    const introduction =
      '10.0.0.1:5160 -> 10.0.0.2:4002 {"peer-name":"Alice","global-address":["10.0.0.1",5160],"local-address":["10.0.0.1",5160],"__type":"providing-peer-handshake-info","__sender-name":null,"__destination-name":"Bob","__destination-address":["10.0.0.2",4002],"__hash-string":"4ef03720c7a091d21c7c9f5362c664881d2a4fbd60fd8bbf7245415d32adbb02"}';
    expect(says(net, "providing-peer-handshake-info")).toStrictEqual([introduction, introduction, introduction]);
  });

  test("a packet is sent five times, a second apart, and then never again", () => {
    const net = new Net();
    const guest: Node = net.node("Bob", { address: B });
    guest.join(["192.0.2.1", 5160], "Alice");
    net.run(60_000);
    const sent = net.wire.filter(({ text }) => text.includes("requesting-to-join-server")).map(({ at }) => at);
    expect(sent).toStrictEqual([0, 1_000, 2_000, 3_000, 4_000]);
    expect(guest.told.find(({ event }) => event[0] === "error")).toStrictEqual({
      at: 5_000,
      event: ["error", "unable to communicate with handshake server"],
    });
    const timeouts = guest.eventsNamed("packetTimeout").map((event) => event[2]);
    expect(timeouts).toStrictEqual([true, true, true, true, false]);
    expect(guest.eventsNamed("packetExpired")).toHaveLength(1);
    expect(guest.eventsNamed("sessionTerminated")).toHaveLength(1);
  });
});
