/**
 * Recordings of the original server and script on loopback. The sidecar must send the same objects with the same
 * hashes, in any key order. Two differences are intended: introductions are sent three times, and lists start with the
 * newest.
 */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { packetHash } from "../../../udp-sidecar/protocols/dowsett-packet.ts";
import { hashOf, type Packet, read } from "../../support/dowsett.ts";
import { dowsettRig } from "../support/dowsett-script.ts";

/** Lines of a transcript: the client's port, the sender (> the client, < the server), and the datagram. */
const SESSIONS: Readonly<Record<string, string>> = {
  "register, list, join": String.raw`
    37432> {"local-address":["127.0.0.1",37432],"seconds-before-expiry":60,"password":"cwd3ZWGeuy","password-required":false,"__type":"registering-server","__sender-name":"srvYYWVKm","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"e41b785d831ab62f0c92b5c5be74765d56f1d477be9d7feda91cf6816944ffce"}
    37432< {"__type": "confirming-registration", "__destination-name": "srvYYWVKm", "__destination-address": ["127.0.0.1", 37432], "__sender-name": null, "__hash-string": "31bd9441869e7fde64603ee90e0fbbc0477b6f655da21e92eef7a9770bf53b1c"}
    42347> {"local-address":["127.0.0.1",42347],"seconds-before-expiry":60,"password":"5GKHrkrbEd","password-required":false,"__type":"registering-server","__sender-name":"srvppFVR9","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"93c8dfaad2fe7640562e47dea0c9fb559cc9fc017d142d3e887515076edc0198"}
    42347< {"__type": "confirming-registration", "__destination-name": "srvppFVR9", "__destination-address": ["127.0.0.1", 42347], "__sender-name": null, "__hash-string": "513a695680e74a8230c01f5f837d8bea588c6c848e3ffe49dc950429cb71098c"}
    34031> {"local-address":["127.0.0.1",34031],"seconds-before-expiry":60,"password":"pDOo8vlKJ6","password-required":true,"__type":"registering-server","__sender-name":"srvYqY7db","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"c747741ceac5f9fc05f2dc541d8a07bc3e19f7f850407e935d75d025046ad9f6"}
    34031< {"__type": "confirming-registration", "__destination-name": "srvYqY7db", "__destination-address": ["127.0.0.1", 34031], "__sender-name": null, "__hash-string": "9ae5ebbfd3e49a74b2f1532c2425d5d63ea666c70d52075a4e530dd78c7647e5"}
    40126> {"local-address":["127.0.0.1",40126],"server-name":"srvYYWVKm","password":"cLZmdiRXfl","__type":"requesting-to-join-server","__sender-name":"usrDgO6sI","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"8fefef5eb92194720c397f0c0b8377be69abf7e438f037b37a99f4edf5fd6c79"}
    37432< {"peer-name": "usrDgO6sI", "global-address": ["127.0.0.1", 40126], "local-address": ["127.0.0.1", 40126], "__type": "providing-peer-handshake-info", "__destination-name": "srvYYWVKm", "__destination-address": ["127.0.0.1", 37432], "__sender-name": null, "__hash-string": "716a0e19c96700533154fa7bd5c6827310341c456aa8309c8473a231bd8439b8"}
    40126< {"peer-name": "srvYYWVKm", "global-address": ["127.0.0.1", 37432], "local-address": ["127.0.0.1", 37432], "__type": "providing-peer-handshake-info", "__destination-name": "usrDgO6sI", "__destination-address": ["127.0.0.1", 40126], "__sender-name": null, "__hash-string": "980326db7360adf223347a04c50ed333d9cdbf7df9c607863c8643606ad8d684"}
    59551> {"password":"k6CehFE4hu","__type":"requesting-server-list","__sender-name":null,"__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"e30ae57e5898275d61371527aab4ef8a42d5055ca96cfb6cce5117541a03d8f0"}
    59551< {"servers": [{"name": "srvYYWVKm", "password-required": false}, {"name": "srvppFVR9", "password-required": false}, {"name": "srvYqY7db", "password-required": true}], "__type": "providing-server-list", "__destination-name": null, "__destination-address": ["127.0.0.1", 59551], "__sender-name": null, "__hash-string": "f6406fa384c4d8b67f0af8a991a103ce9e43784c45a453436e0f33009e4799b4"}
  `,
  "a join of a server that is not there, and the drop-me of who asked": String.raw`
    59273> {"local-address":["127.0.0.1",59273],"server-name":"nobodyhere","password":"7CLTNokeOe","__type":"requesting-to-join-server","__sender-name":"usrkaXAAl","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"cd2fba54d7bc1c10a1fdf6e0f2dcf473bd92e43d2b8715d96ca3b608b125d2cc"}
    59273< {"message": "nobodyhere not found", "__type": "server-error", "__destination-name": "usrkaXAAl", "__destination-address": ["127.0.0.1", 59273], "__sender-name": null, "__hash-string": "26e74bb03fa71054277477e2573953dc7642ebb06468e1b45b4ec8b8d2717d01"}
    59273> {"name":"usrkaXAAl","__type":"drop-me","__sender-name":"usrkaXAAl","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"135d419dc4a0958b98dd8b8ca7e58eb4f44b16f67c8135a713532e597a1b14ba"}
  `,
  "a name that is taken, and the drop-me of who wanted it": String.raw`
    47443> {"local-address":["127.0.0.1",47443],"seconds-before-expiry":60,"password":"5dnm9TTahB","password-required":false,"__type":"registering-server","__sender-name":"srv8Fk1Hy","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"ea3aad15dcb52d912269285429ad0dc46955b0a2f993f96fd0b85b4600cc6861"}
    47443< {"__type": "confirming-registration", "__destination-name": "srv8Fk1Hy", "__destination-address": ["127.0.0.1", 47443], "__sender-name": null, "__hash-string": "8a52eef57f2b12bba1da6af38fdd9e63b5a01389d0cc4aaa5c359fb4c9516984"}
    51658> {"local-address":["127.0.0.1",51658],"seconds-before-expiry":60,"password":"Ltb6A7yLAS","password-required":false,"__type":"registering-server","__sender-name":"srv8Fk1Hy","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"ca91e9d041ae0666830dac582bc550da43ad1caae6b6f3c1b2f98826a0670408"}
    51658< {"message": "server already exists", "__type": "server-error", "__destination-name": "srv8Fk1Hy", "__destination-address": ["127.0.0.1", 51658], "__sender-name": null, "__hash-string": "f8ee01f0c161a82203e73c6c1eef145c0e131f03d044ff72e94a89697f810b7b"}
    51658> {"name":"srv8Fk1Hy","__type":"drop-me","__sender-name":"srv8Fk1Hy","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"ad602f095c7df8a6b2527d9e270227e333a89d337f12ff2d13e572856febcb6f"}
  `,
  "a host and a guest who leave: the server is gone with its host": String.raw`
    58356> {"local-address":["127.0.0.1",58356],"seconds-before-expiry":60,"password":"ydUhqGkIo8","password-required":false,"__type":"registering-server","__sender-name":"srv39pbJh","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"bc1b9a0138c3d8d8c27676d39e47965d728faf64f65c522fbaaaf2823dc4c347"}
    58356< {"__type": "confirming-registration", "__destination-name": "srv39pbJh", "__destination-address": ["127.0.0.1", 58356], "__sender-name": null, "__hash-string": "a09e83fec2138ad672873bacca32caedaf1fb01cc3d0584de0b7b3f088bee29c"}
    60986> {"local-address":["127.0.0.1",60986],"server-name":"srv39pbJh","password":"IX956QelsY","__type":"requesting-to-join-server","__sender-name":"usr7DECJ4","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"eef8a676d44ee90f0ed576f1d848a2cb7acacc1afb1500bcf515fdd22801180b"}
    58356< {"peer-name": "usr7DECJ4", "global-address": ["127.0.0.1", 60986], "local-address": ["127.0.0.1", 60986], "__type": "providing-peer-handshake-info", "__destination-name": "srv39pbJh", "__destination-address": ["127.0.0.1", 58356], "__sender-name": null, "__hash-string": "363171f77081e196aac4d5ac592f5febaf0716bc0fd04acbfb6f3ff4a603ade9"}
    60986< {"peer-name": "srv39pbJh", "global-address": ["127.0.0.1", 58356], "local-address": ["127.0.0.1", 58356], "__type": "providing-peer-handshake-info", "__destination-name": "usr7DECJ4", "__destination-address": ["127.0.0.1", 60986], "__sender-name": null, "__hash-string": "5e0b44a9fdc39d5abdff7fbc8983e553f9227ae5fdefe51e961931fddc30ada6"}
    58356> {"name":"srv39pbJh","__type":"drop-me","__sender-name":"srv39pbJh","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"02a885a42605e886a88c8888adcf0a37bd48de666980e23fd8e382b758a0be93"}
    60986> {"name":"usr7DECJ4","__type":"drop-me","__sender-name":"usr7DECJ4","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"73414cde7623b45ab58bb435dd72af14371f7c2a305945b0c0916473f682d7b3"}
  `,
  "names beyond ASCII": String.raw`
    45598> {"local-address":["127.0.0.1",45598],"seconds-before-expiry":60,"password":"KA2EHzAJ6R","password-required":false,"__type":"registering-server","__sender-name":"Zoë漢hEk1Ro","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"1e8d79ba231d122dce725b3e35941be3b309548da0ded39622cdf28a4490a2a6"}
    45598< {"__type": "confirming-registration", "__destination-name": "Zo\u00eb\u6f22hEk1Ro", "__destination-address": ["127.0.0.1", 45598], "__sender-name": null, "__hash-string": "2b105125da765f3d487af2b6ba6e52a35850dc8e7696ac309438f6c60f598b93"}
    57553> {"local-address":["127.0.0.1",57553],"server-name":"Zoë漢hEk1Ro","password":"dc7mv7J9bJ","__type":"requesting-to-join-server","__sender-name":"üsriUoRHk","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"a2188df063eed49405f9070df396f63681e53a5226e21412799166b149e48028"}
    45598< {"peer-name": "\u00fcsriUoRHk", "global-address": ["127.0.0.1", 57553], "local-address": ["127.0.0.1", 57553], "__type": "providing-peer-handshake-info", "__destination-name": "Zo\u00eb\u6f22hEk1Ro", "__destination-address": ["127.0.0.1", 45598], "__sender-name": null, "__hash-string": "2e08682c4e885ea33618515f1b399ed2d0fa09be133f1219a9bd39f56e0958d9"}
    57553< {"peer-name": "Zo\u00eb\u6f22hEk1Ro", "global-address": ["127.0.0.1", 45598], "local-address": ["127.0.0.1", 45598], "__type": "providing-peer-handshake-info", "__destination-name": "\u00fcsriUoRHk", "__destination-address": ["127.0.0.1", 57553], "__sender-name": null, "__hash-string": "c02a5b90c49825c4b58f2a97d8cfc0ced6cc82f5f334b15f20fc37f5ab767ce0"}
  `,
  "names with characters that take two UTF-16 units": String.raw`
    41055> {"local-address":["127.0.0.1",41055],"seconds-before-expiry":60,"password":"Inn2ULF265","password-required":false,"__type":"registering-server","__sender-name":"srv😀N7JOLc","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"ef72eb8fb83374a45b822709e588b6c38205f7822cb23ab922280cce57a2e1ed"}
    41055< {"__type": "confirming-registration", "__destination-name": "srv\ud83d\ude00N7JOLc", "__destination-address": ["127.0.0.1", 41055], "__sender-name": null, "__hash-string": "af7ce809e4368504ca3b3d481d176c64b016fae23189f04728c6747640b83d77"}
    43582> {"local-address":["127.0.0.1",43582],"server-name":"srv😀N7JOLc","password":"MshCw2qbaQ","__type":"requesting-to-join-server","__sender-name":"usr6OL2T6","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"069e226a1c786b148640d9b2bbff7b860ae445f7b3f938b0ca7f3f2cdc5e0f6d"}
    41055< {"peer-name": "usr6OL2T6", "global-address": ["127.0.0.1", 43582], "local-address": ["127.0.0.1", 43582], "__type": "providing-peer-handshake-info", "__destination-name": "srv\ud83d\ude00N7JOLc", "__destination-address": ["127.0.0.1", 41055], "__sender-name": null, "__hash-string": "7f4fdf7302f40d0a1861770dc1f4e8bb66a424543b37a3ec691575960dd7b32c"}
    43582< {"peer-name": "srv\ud83d\ude00N7JOLc", "global-address": ["127.0.0.1", 41055], "local-address": ["127.0.0.1", 41055], "__type": "providing-peer-handshake-info", "__destination-name": "usr6OL2T6", "__destination-address": ["127.0.0.1", 43582], "__sender-name": null, "__hash-string": "ab6de468621d41d64df14c24dd53b346d325d093e6cd278301afd17c665b401b"}
  `,
  // The recording has no refresh; these two are made with the original algorithm.
  "a refresh": String.raw`
    47443> {"local-address":["127.0.0.1",47443],"seconds-before-expiry":60,"password":"5dnm9TTahB","password-required":false,"__type":"registering-server","__sender-name":"srv8Fk1Hy","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"ea3aad15dcb52d912269285429ad0dc46955b0a2f993f96fd0b85b4600cc6861"}
    47443< {"__type": "confirming-registration", "__destination-name": "srv8Fk1Hy", "__destination-address": ["127.0.0.1", 47443], "__sender-name": null, "__hash-string": "8a52eef57f2b12bba1da6af38fdd9e63b5a01389d0cc4aaa5c359fb4c9516984"}
    47443> {"seconds-before-expiry":60,"__type":"refreshing-server-registration","__sender-name":"srv8Fk1Hy","__destination-name":"_HANDSHAKE_SERVER","__destination-address":["127.0.0.1",5160],"__hash-string":"0336e68fca28ff07c4e1e325cf094a0fe7c411cf14d0d855005fdc448aa24764"}
    47443< {"__type": "confirming-registration-refresh", "__destination-name": "srv8Fk1Hy", "__destination-address": ["127.0.0.1", 47443], "__sender-name": null, "__hash-string": "dcbbaeed3830ab381e00a3c3619592125cb39a60b988b9c571a2954d7670fe05"}
  `,
};

describe("recorded sessions", () => {
  test.each(Object.entries(SESSIONS))("%s", async (_, session) => {
    const rig = dowsettRig();
    const steps = stepsOf(session);
    expect(steps.length).toBeGreaterThan(0);
    for (const { from, said, answers } of steps) {
      const before = rig.sent.length;
      rig.advance(10);
      rig.send(from, Buffer.from(said));
      await lists();
      const heard = rig.sent.slice(before).map(({ to, bytes }) => ({ to, packet: read(bytes) }));
      expect(heard).toStrictEqual(answers.flatMap(asSaidHere));
    }
  });

  test("contain every kind of packet", () => {
    const types = linesOf(Object.values(SESSIONS).join("\n")).map(({ text }) =>
      String(read(Buffer.from(text))["__type"]),
    );
    expect([...new Set(types)].toSorted((a, b) => (a < b ? -1 : 1))).toStrictEqual([
      "confirming-registration",
      "confirming-registration-refresh",
      "drop-me",
      "providing-peer-handshake-info",
      "providing-server-list",
      "refreshing-server-registration",
      "registering-server",
      "requesting-server-list",
      "requesting-to-join-server",
      "server-error",
    ]);
  });

  test("have the hash that the sidecar computes, and that an independent implementation computes", () => {
    for (const session of Object.values(SESSIONS)) {
      const lines = linesOf(session);
      const passwords = new Map<number, string>();
      for (const { port, text } of lines) {
        const packet = read(Buffer.from(text));
        if (typeof packet["password"] === "string") passwords.set(port, packet["password"]);
        const password = passwords.get(port)!;
        expect(packetHash(packet, password)).toBe(packet["__hash-string"]);
        expect(hashOf(packet, password)).toBe(packet["__hash-string"]);
      }
    }
  });

  test("get no reply if one character of a hash is changed", () => {
    for (const session of Object.values(SESSIONS)) {
      const rig = dowsettRig();
      for (const { from, said } of stepsOf(session)) {
        rig.send(from, Buffer.from(said.replace(/.(?="\}$)/, (digit) => (digit === "0" ? "1" : "0"))));
      }
      expect(rig.sent).toHaveLength(0);
      expect(rig.hub.directory.size).toBe(0);
    }
  });
});

describe("the hash", () => {
  const common = "__destination-address__destination-name__sender-name__type";

  // Signatures of real clients and a real server, except the last, which the original algorithm made.
  test.each([
    [
      "register",
      {
        "__destination-address": ["127.0.0.1", 5_160],
        "__destination-name": "_HANDSHAKE_SERVER",
        "__sender-name": "game1",
        __type: "registering-server",
        "local-address": ["10.0.0.1", 1],
        "password-required": false,
        "seconds-before-expiry": 60,
      },
      "qUks5KzRDY",
      `${common}local-addresspasswordpassword-requiredseconds-before-expiry_HANDSHAKE_SERVERgame1qUks5KzRDYregistering-server`,
      "795fe5c6de6f68d97768f2f888f03bfd5c2845d39e2826697396c03af2244903",
    ],
    [
      "join",
      {
        "__destination-address": ["127.0.0.1", 5_160],
        "__destination-name": "_HANDSHAKE_SERVER",
        "__sender-name": "bob",
        __type: "requesting-to-join-server",
        "local-address": ["10.0.0.1", 1],
        "server-name": "game1",
      },
      "HX5P2Rur3b",
      `${common}local-addresspasswordserver-nameHX5P2Rur3b_HANDSHAKE_SERVERbobgame1requesting-to-join-server`,
      "74df23c1934126822e4fd83817558a7c56579c0f203a6884b1e6ddd5ed3e1b31",
    ],
    [
      "list, without a sender",
      {
        "__destination-address": ["127.0.0.1", 5_160],
        "__destination-name": "_HANDSHAKE_SERVER",
        "__sender-name": null,
        __type: "requesting-server-list",
      },
      "0uAUdq0y69",
      `${common}password0uAUdq0y69_HANDSHAKE_SERVERrequesting-server-list`,
      "bf51328d18bed2f15f81b1f47e745124e58d3fcbcf0d78253066354527ae9166",
    ],
    [
      "an answer",
      {
        "__destination-address": ["127.0.0.1", 5_160],
        "__destination-name": "g1",
        "__sender-name": null,
        __type: "confirming-registration",
      },
      "pppppppppp",
      `${common}passwordconfirming-registrationg1pppppppppp`,
      "35ca4a00b8550925a14bf2cc39595b70a06721c35bca18ec38590f17a406fb10",
    ],
    [
      "characters on both sides of U+FFFF",
      {
        "__destination-address": ["127.0.0.1", 5_160],
        "__destination-name": "\uFF5E\u{1F600}",
        "__sender-name": null,
        __type: "confirming-registration",
      },
      "\u{1F600}x",
      `${common}passwordconfirming-registration\uFF5E\u{1F600}\u{1F600}x`,
      "1d79dae58bf91a1540ad651a852f2ba03262545e9f817a8bba792373926fdc3e",
    ],
  ] as const)("%s", (_, packet, password, text, digest) => {
    expect(createHash("sha256").update(text).digest("hex")).toBe(digest);
    expect(packetHash(packet, password)).toBe(digest);
    expect(hashOf(packet, password)).toBe(digest);
  });

  test("excludes itself, and uses the effective password instead of the one in the packet", () => {
    const packet = { b: "2", a: "1", "__hash-string": "anything", password: "said" };
    const wanted = createHash("sha256").update("abpassword12applies").digest("hex");
    expect(packetHash(packet, "applies")).toBe(wanted);
    expect(packetHash({ a: "1", b: "2" }, "applies")).toBe(wanted);
  });

  test("covers only the keys of numbers, booleans, lists and objects", () => {
    const wanted = packetHash({ key: null }, "p");
    for (const key of [0, 1e9, true, false, [], ["text"], {}, { text: "text" }])
      expect(packetHash({ key }, "p")).toBe(wanted);
    expect(packetHash({ key: "text" }, "p")).not.toBe(wanted);
    expect(packetHash({ other: null }, "p")).not.toBe(wanted);
  });

  test("sorts by code point, not by UTF-16 unit", () => {
    const packet = { "\u{1F600}": "\uFF5E", "\uFF5E": "\u{1F600}", "\uE000": "z" };
    const wanted = "password\uE000\uFF5E\u{1F600}pz\uFF5E\u{1F600}";
    expect(packetHash(packet, "p")).toBe(createHash("sha256").update(wanted).digest("hex"));
  });
});

type Line = { readonly port: number; readonly byClient: boolean; readonly text: string };
type Heard = { readonly to: Endpoint; readonly packet: Packet };
type Step = { readonly from: Endpoint; readonly said: string; readonly answers: Heard[] };

const linesOf = (session: string): Line[] =>
  session
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [, port, speaker, text] = /^ *(\d+)([<>]) (.*)$/.exec(line)!;
      return { port: Number(port), byClient: speaker === ">", text: text! };
    });

function stepsOf(session: string): Step[] {
  const steps: Step[] = [];
  for (const { port, byClient, text } of linesOf(session)) {
    const endpoint = { address: "127.0.0.1", port };
    if (byClient) steps.push({ from: endpoint, said: text, answers: [] });
    else steps.at(-1)!.answers.push({ to: endpoint, packet: read(Buffer.from(text)) });
  }
  return steps;
}

function asSaidHere(heard: Heard): Heard[] {
  const { packet } = heard;
  if (packet["__type"] === "providing-peer-handshake-info") return [heard, heard, heard];
  const servers = packet["servers"] as unknown[] | undefined;
  return servers === undefined ? [heard] : [{ ...heard, packet: { ...packet, servers: servers.toReversed() } }];
}

/** Lists come from the hub, a moment later. */
const lists = (): Promise<void> => new Promise((done) => setImmediate(done));
