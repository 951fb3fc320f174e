/** DTLS sessions with OpenSSL on both sides, without sockets: lifecycle, limits, and hostile input. */
import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import type { Certificate } from "../../../../udp-sidecar/sockets/dtls/certificate.ts";
import { recordsOf } from "../../../../udp-sidecar/sockets/dtls/records.ts";
import type { DtlsLimits } from "../../../../udp-sidecar/sockets/dtls/session.ts";
import { seeded } from "../../../support/dice.ts";
import { type DtlsTestClient, freshCertificate, DtlsTestServer } from "../../../support/dtls.ts";
import { collectGarbage } from "../../../support/memory.ts";
import { recordFigure } from "../../../support/attack-figures.ts";

let certificate: Certificate;
beforeAll(() => {
  certificate = freshCertificate();
});
const meeting = (limits: Partial<DtlsLimits> = {}): Promise<DtlsTestServer> => DtlsTestServer.open(limits, certificate);

describe("a session", () => {
  test("opens after a cookie and carries messages both ways", async () => {
    const at = await meeting();
    const client = at.connect();
    expect(at.echoes(client, "hello")).toBe(true);
    expect(at.received).toStrictEqual(["198.51.0.1:1024 hello"]);
    expect([at.sessions.live, at.sessions.handshaking]).toStrictEqual([1, 0]);
    expect([at.count("dtls_handshakes", "started"), at.count("dtls_handshakes", "completed")]).toStrictEqual([1, 1]);
  });

  test("ends when its client sends close_notify, and answers it", async () => {
    const at = await meeting();
    const client = at.connect();
    for (const datagram of client.conversation.close()) at.deliverOne(client.at, datagram);
    expect(at.sent.map(({ datagram }) => datagram[0])).toStrictEqual([21]);
    expect([at.sessions.live, at.count("dtls_endings", "goodbye")]).toStrictEqual([0, 1]);
    expect(at.sessions.send(3_478, client.at, Buffer.from("late"))).toBe(false);
  });

  test("ends with close_notify after a silence, and not before", async () => {
    const at = await meeting();
    const [silent, talking] = [at.connect(), at.connect()];
    at.now += 100_000;
    expect(at.echoes(talking, "here")).toBe(true);
    at.sessions.tick((at.now += 19_999));
    expect(at.sessions.live).toBe(2);
    at.sessions.tick((at.now += 1_000));
    expect([at.sessions.live, at.count("dtls_endings", "idle")]).toStrictEqual([1, 1]);
    at.deliver(talking, []);
    expect([silent.state, silent.why, talking.state]).toStrictEqual(["over", "goodbye", "open"]);
  });

  test("never sends an empty message, which some clients read as the end", async () => {
    const at = await meeting();
    const client = at.connect();
    expect(at.sessions.send(3_478, client.at, new Uint8Array())).toBe(false);
    expect(at.echoes(client, "still here")).toBe(true);
  });

  test("gets close_notify when the sidecar closes", async () => {
    const at = await meeting();
    const clients = [at.connect(), at.connect(), at.connect()];
    at.deliverOne(at.client().at, clients[0]!.encrypt("x"));
    at.sessions.close();
    at.deliver(clients[0]!, []);
    expect(clients.map(({ why }) => why)).toStrictEqual(["goodbye", "goodbye", "goodbye"]);
    expect([at.sessions.live, at.count("dtls_endings", "shutdown")]).toStrictEqual([0, 3]);
  });
});

describe("a new handshake from the port of a live session", () => {
  test("replaces it once it is complete", async () => {
    const at = await meeting();
    const first = at.connect();
    const second = at.connect(first.at);
    expect([at.sessions.live, at.count("dtls_endings", "replaced")]).toStrictEqual([1, 1]);
    expect(at.echoes(second, "again")).toBe(true);
    at.deliverOne(first.at, first.encrypt("old"));
    expect(at.received.at(-1)).toBe("198.51.0.1:1024 again");
  });

  test("does not affect it until then, and is given up after ten seconds", async () => {
    const at = await meeting();
    const first = at.connect();
    const second = at.client(first.at);
    const [hello] = second.step(null);
    at.deliverOne(first.at, hello!);
    const [again] = second.step(at.sent.shift()!.datagram);
    at.deliverOne(first.at, again!);
    at.sent.length = 0;
    expect([at.sessions.live, at.sessions.handshaking]).toStrictEqual([1, 1]);
    at.deliverOne(first.at, first.encrypt("hello"));
    expect(at.received).toStrictEqual(["198.51.0.1:1024 hello"]);
    at.sessions.tick((at.now += 10_000));
    expect([at.sessions.live, at.sessions.handshaking, at.count("dtls_failures", "timeout")]).toStrictEqual([1, 0, 1]);
  });
});

describe("the engine", () => {
  test("finishes handshakes with the certificate they started with, and uses the new one for later ones", async () => {
    const at = await meeting();
    const client = at.client();
    at.deliverOne(client.at, client.step(null)[0]!);
    const again = client.step(at.sent.shift()!.datagram);
    const before = flightOf(at, client, again);
    at.engine.setCertificate(freshCertificate());
    at.deliver(
      client,
      before.flatMap((datagram) => [...client.step(datagram)]),
    );
    expect(at.echoes(client, "still the old one")).toBe(true);
    expect(at.echoes(at.connect(), "and the new one")).toBe(true);
    at.sessions.close();
    at.engine.close();
  });

  test("frees each connection once and tolerates later calls, from both ends", async () => {
    const at = await meeting();
    const { conversation } = at.connect();
    for (let times = 0; times < 3; times++) conversation.free();
    expect(conversation.receive(randomBytes(60)).state).toBe("over");
    expect(conversation.receive(null).state).toBe("over");
    expect(conversation.retransmit().state).toBe("over");
    expect(conversation.encrypt(Buffer.from("x"))).toBeNull();
    expect(conversation.close()).toStrictEqual([]);
  });

  /** The server's replies to these datagrams of a client. */
  function flightOf(at: DtlsTestServer, client: DtlsTestClient, datagrams: readonly Uint8Array[]): Uint8Array[] {
    for (const datagram of datagrams) at.deliverOne(client.at, datagram);
    return at.sent.splice(0).map(({ datagram }) => datagram);
  }
});

describe("at a limit", () => {
  /** How many clients of so many get a session: each from its own IPv4 /24, or all from one address. */
  const admitted = async (
    limits: Partial<DtlsLimits>,
    count: number,
    address?: string,
  ): Promise<[number, DtlsTestServer]> => {
    const at = await meeting(limits);
    let open = 0;
    for (let port = 1; port <= count; port++) {
      const client = at.client({ address: address ?? `203.0.${port}.1`, port });
      at.deliver(client, client.step(null));
      if (client.state === "open") open++;
    }
    return [open, at];
  };

  test("the total of sessions is bounded", async () => {
    const [open, at] = await admitted({ dtls_sessions_max: 5 }, 8);
    expect([open, at.count("dtls_failures", "sessions_full")]).toStrictEqual([5, 3]);
  });

  test("the sessions of one IPv4 /24 are bounded when the table is half full, and others are accepted", async () => {
    const at = await meeting({ dtls_sessions_max: 5 });
    const clients = Array.from({ length: 8 }, (_, n) => at.client({ address: `203.0.113.${n}`, port: 1 }));
    for (const client of clients) at.deliver(client, client.step(null));
    const open = clients.filter(({ state }) => state === "open").length;
    expect([open, at.count("dtls_failures", "source_share")]).toStrictEqual([4, 4]);
    expect(at.echoes(at.connect(), "hello")).toBe(true);
  });

  test("the sessions of one address are bounded, and others are accepted", async () => {
    const [open, at] = await admitted({ dtls_per_source_max: 5 }, 8, "192.0.2.1");
    expect([open, at.count("dtls_failures", "source_share")]).toStrictEqual([5, 3]);
    expect(at.echoes(at.connect(), "hello")).toBe(true);
  });

  test("the handshake rate of one address is bounded", async () => {
    const [open, at] = await admitted({}, 300, "192.0.2.1");
    expect([open, at.count("dtls_failures", "source_rate")]).toStrictEqual([256, 44]);
  });

  test("the handshakes in progress are bounded: the oldest is evicted", async ({ task }) => {
    const at = await meeting({ dtls_handshakes_max: 3 });
    for (let n = 0; n < 5; n++) {
      const client = at.client();
      at.deliverOne(client.at, client.step(null)[0]!);
      at.deliverOne(client.at, client.step(at.sent.shift()!.datagram)[0]!);
      at.sent.length = 0;
    }
    expect([at.sessions.handshaking, at.count("dtls_failures", "crowded_out")]).toStrictEqual([3, 2]);
    expect(at.echoes(at.connect(), "hello")).toBe(true);
    expect([at.sessions.handshaking, at.sessions.live, at.sessions.size]).toStrictEqual([2, 1, 3]);
    recordFigure(task, {
      order: 21,
      attack: "DTLS handshakes that are never completed fill their table",
      before: "not measured",
      after: "the oldest makes room, a newcomer connects at once",
    });
  });
});

describe("a live session survives, from its own endpoint,", () => {
  const record = (type: number, epoch: number, body: Uint8Array, version = 0xfefd, length = body.length): Uint8Array =>
    Buffer.concat([
      Uint8Array.of(type, version >> 8, version & 255, 0, epoch, 0, 0, 0, 0, 9, 9, length >> 8, length & 255),
      body,
    ]);
  /** A ClientHello without a cookie, and one with a wrong cookie. */
  const hello = (at: DtlsTestServer, client: DtlsTestClient): Uint8Array =>
    at.client({ ...client.at, port: 9 }).step(null)[0]!;
  const withCookie = (at: DtlsTestServer, client: DtlsTestClient): Uint8Array => {
    const other = at.client({ ...client.at, port: 9 });
    at.deliverOne(other.at, other.step(null)[0]!);
    return other.step(at.sent.pop()!.datagram)[0]!;
  };

  const INJECTIONS: [string, (at: DtlsTestServer, client: DtlsTestClient) => Uint8Array][] = [
    ["a fatal alert in clear", () => record(21, 0, Uint8Array.of(2, 40))],
    ["a content type that does not exist", () => record(99, 1, randomBytes(40))],
    ["a record too short to be encrypted", () => record(23, 1, randomBytes(24))],
    ["a record that is cut off", (_, client) => client.encrypt("hello").subarray(0, 30)],
    ["a record of another epoch", () => record(23, 2, randomBytes(40))],
    ["a record of another version", () => record(23, 1, randomBytes(40), 0xfeff)],
    [
      "an old record again",
      (at, client) => {
        const record = client.encrypt("once");
        at.deliverOne(client.at, record);
        return record;
      },
    ],
    [
      "a record whose tag is wrong",
      (_, client) => {
        const record = Buffer.from(client.encrypt("bent"));
        record[record.length - 1]! ^= 1;
        return record;
      },
    ],
    ["a ClientHello without a cookie", hello],
    ["a ClientHello with another client's cookie", withCookie],
    [
      "our own answer to a ClientHello",
      (at, client) => {
        at.deliverOne({ ...client.at, port: 9 }, hello(at, client));
        return at.sent.pop()!.datagram;
      },
    ],
    ["random bytes", () => Buffer.concat([Uint8Array.of(22, 0xfe, 0xfd), randomBytes(200)])],
    ["a record longer than its datagram", () => record(23, 1, randomBytes(40), 0xfefd, 400)],
  ];

  test.each(INJECTIONS)("%s", async (_, injection) => {
    const at = await meeting();
    const client = at.connect();
    const injected = injection(at, client);
    const received = at.received.length;
    at.sent.length = 0;
    for (let times = 0; times < 3; times++) at.deliverOne(client.at, injected);
    // No message was delivered, and no reply harms the client.
    expect(at.received).toHaveLength(received);
    at.deliver(client, []);
    expect([at.sessions.live, at.sessions.handshaking, client.state]).toStrictEqual([1, 0, "open"]);
    expect(at.echoes(client, "still here")).toBe(true);
  });

  test("and records of every short length, of every type", async () => {
    const at = await meeting();
    const client = at.connect();
    for (let length = 0; length < 64; length++) {
      for (const type of [20, 21, 22, 23]) at.deliverOne(client.at, record(type, 1, randomBytes(length)));
    }
    expect(at.sent).toStrictEqual([]);
    expect(at.echoes(client, "still here")).toBe(true);
  });

  test("thirteen kinds in all", () => expect(INJECTIONS).toHaveLength(13));
});

describe("hostile clients", () => {
  test("that flood with ClientHellos leave no state, and get no more bytes than they send", async () => {
    const at = await meeting();
    const client = at.client();
    const hello = Buffer.from(client.step(null)[0]!);
    for (let n = 0; n < 20_000; n++) {
      randomBytes(32).copy(hello, 27);
      at.deliverOne({ address: `10.${n & 255}.${(n >> 8) & 255}.7`, port: 1 + (n % 60_000) }, hello);
      at.sent.length = 0;
    }
    expect([at.sessions.live, at.sessions.handshaking, at.counters.get("dtls_greetings", "answered")]).toStrictEqual([
      0, 0, 20_000,
    ]);
    expect(at.bytes.out).toBeLessThanOrEqual(at.bytes.in);
    expect(at.echoes(at.connect(), "hello")).toBe(true);
  });

  test("get no more bytes than they send, for every truncated ClientHello", async () => {
    const at = await meeting();
    const hello = Buffer.from(at.client().step(null)[0]!);
    for (let cut = 26; cut < hello.length; cut++) {
      const short = Buffer.from(hello.subarray(0, cut));
      short.writeUInt16BE(cut - 13, 11);
      short.writeUIntBE(cut - 25, 14, 3);
      short.writeUIntBE(cut - 25, 22, 3);
      const before = { ...at.bytes };
      at.deliverOne({ address: "192.0.2.1", port: cut }, short);
      expect(at.bytes.out - before.out).toBeLessThanOrEqual(at.bytes.in - before.in);
    }
  });

  test("that corrupt ten thousand datagrams cause no exception, and harm no other session", async () => {
    const at = await meeting({ dtls_per_source_max: 100_000, dtls_sessions_max: 100_000 });
    const dice = seeded(8);
    const neighbour = at.connect();
    const good: Uint8Array[] = [];
    const model = at.client();
    // Every datagram of a client's session, to be corrupted.
    for (let flight = model.step(null); flight.length > 0;) {
      good.push(...flight);
      for (const datagram of flight) at.deliverOne(model.at, datagram);
      flight = at.sent.splice(0).flatMap(({ datagram }) => [...model.step(datagram)]);
    }
    good.push(model.encrypt("hello"), ...model.conversation.close());
    expect(good.length).toBeGreaterThanOrEqual(5);
    for (let n = 0; n < 10_000; n++) {
      const bent = bend(good[n % good.length]!, dice);
      at.deliverOne(n % 3 === 0 ? model.at : { address: "192.0.2.9", port: 1 + (n % 50) }, bent);
      at.sent.length = 0;
      if (n % 100 === 0) at.sessions.tick((at.now += 250));
    }
    expect(at.echoes(neighbour, "untouched")).toBe(true);
    expect(at.echoes(at.connect(), "and newcomers are welcome")).toBe(true);
  });

  test("that forge ten thousand records of a live session do not end it", async () => {
    const at = await meeting();
    const victim = at.connect();
    const dice = seeded(9);
    for (let n = 0; n < 10_000; n++) {
      const bytes = Buffer.from(
        Array.from({ length: 14 + Math.floor(dice() * (n % 2 === 0 ? 60 : 300)) }, () => dice() * 256),
      );
      Buffer.of(20 + (n % 4), 0xfe, 0xfd, 0, Math.floor(dice() * 2)).copy(bytes);
      if (dice() < 0.5) bytes.fill(0, 5, 10);
      if (dice() < 0.9) bytes.writeUInt16BE(bytes.length - 13, 11);
      at.deliverOne(victim.at, bytes);
    }
    expect([at.sessions.live, at.sent, at.received]).toStrictEqual([1, [], []]);
    expect(at.echoes(victim, "still here")).toBe(true);
  });

  test("that open and close ten thousand sessions leave no state", async () => {
    const at = await meeting({ dtls_sessions_max: 50 });
    const lives = (count: number): void => {
      for (let n = 0; n < count; n++) {
        const client = at.connect();
        at.echoes(client, "hello");
        at.deliver(client, client.conversation.close());
        at.removeClient(client);
        at.now += 10;
      }
    };
    lives(1_000);
    collectGarbage();
    const before = process.memoryUsage.rss();
    lives(9_000);
    collectGarbage();
    expect([at.sessions.live, at.sessions.handshaking, at.count("dtls_endings", "goodbye")]).toStrictEqual([
      0, 0, 10_000,
    ]);
    expect(at.sessions.size).toBe(0);
    // One leaked SSL in each would be 9,000 of 40 KB: 360 MB.
    expect(process.memoryUsage.rss() - before).toBeLessThan(100_000_000);
  });

  test("that send encrypted records before the key exchange have few of them kept", async () => {
    const at = await meeting();
    const hold = (): DtlsTestClient => {
      const client = at.client();
      at.deliverOne(client.at, client.step(null)[0]!);
      at.deliverOne(client.at, client.step(at.sent.shift()!.datagram)[0]!);
      at.sent.length = 0;
      return client;
    };
    const clients = Array.from({ length: 40 }, hold);
    collectGarbage();
    const before = process.memoryUsage.rss();
    const early = Buffer.alloc(600, 7);
    for (let n = 0; n < 200; n++) {
      Buffer.of(22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, n >> 8, n & 255, 587 >> 8, 587 & 255).copy(early);
      for (const client of clients) at.deliverOne(client.at, early);
    }
    expect([at.sessions.handshaking, at.count("dtls_dropped", "early")]).toStrictEqual([40, 40 * 192]);
    collectGarbage();
    // A hundred records of 17 KB each, as OpenSSL would keep them, would be 68 MB.
    expect(process.memoryUsage.rss() - before).toBeLessThan(40_000_000);
  });

  test("that vanish during a handshake are given up", async () => {
    const at = await meeting();
    const client = at.client();
    at.deliverOne(client.at, client.step(null)[0]!);
    at.deliverOne(client.at, client.step(at.sent.shift()!.datagram)[0]!);
    at.sessions.tick((at.now += 9_999));
    expect(at.sessions.handshaking).toBe(1);
    at.sessions.tick((at.now += 201));
    expect([at.sessions.handshaking, at.sessions.size, at.count("dtls_failures", "timeout")]).toStrictEqual([0, 0, 1]);
  });
});

/** A datagram with a few bytes changed, truncated, duplicated, or with reordered records. */
function bend(datagram: Uint8Array, dice: () => number): Uint8Array {
  const bytes = Buffer.from(datagram);
  const which = Math.floor(dice() * 4);
  if (which === 0) return bytes.subarray(0, Math.floor(dice() * bytes.length));
  if (which === 1) return Buffer.concat([bytes, bytes.subarray(Math.floor(dice() * bytes.length))]);
  if (which === 2) {
    const records = [...recordsOf(bytes)].flatMap((record) => (record === false ? [] : [record.bytes]));
    return Buffer.concat(records.toReversed());
  }
  for (let times = 1 + Math.floor(dice() * 4); times > 0; times--) {
    bytes[Math.floor(dice() * bytes.length)] = Math.floor(dice() * 256);
  }
  return bytes;
}
