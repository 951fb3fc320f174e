/** Which datagrams are messages on the Rabid wire, which get an error, and which get no reply. */
import { asks } from "../support/reports.ts";
import { describe, expect, test } from "vitest";
import { REFUSALS, type RefusalCode } from "#shared/refusals.ts";
import { rabid } from "../../../udp-sidecar/protocols/rabid.ts";
import { Rig, SHARED_PORT, textOf } from "../../support/exchange.ts";
import { continueScript, runScript, openSession } from "../support/wire-script.ts";

describe("a name", () => {
  test.each([
    ["of one character", "h:a:b:4"],
    ["at its longest", "h:Abcdefghi0:Abcdefghijk2:12:Abcdefghijk2"],
    ["of digits", "h:0123456789:012345678901:4:0"],
  ])("%s is valid: %s", (_, request) => {
    expect(answersTo(request)).toStrictEqual([`i:${request.split(":")[2]}`]);
  });

  test.each([
    ["session too long by one", "h:Abcdefghijk:Alice:4"],
    ["session empty", "h::Alice:4"],
    ["player too long by one", "h:Nice:Abcdefghijklm:4"],
    ["player empty", "h:Nice::4"],
    ["password too long by one", "h:Nice:Alice:4:Abcdefghijklm"],
    ["password empty, where leaving it out is allowed", "h:Nice:Alice:4:"],
    ["space in front", "h: Nice:Alice:4"],
    ["space behind", "h:Nice:Alice :4"],
    ["underscore", "h:My_Game:Alice:4"],
    ["hyphen", "h:Nice:Al-ice:4"],
    ["semicolon", "h:Nice:Al;ice:4"],
    ["letters that are not ASCII, as UTF-8", "h:Nice:J\xc3\xb6rg:4"],
    ["zero byte", "h:Nice:Alice\0:4"],
  ])("with a fault is invalid_request: %s", (_, request) => {
    expect(answersTo(request)).toStrictEqual(["error:invalid_request"]);
  });
});

describe("the number of seats", () => {
  test.each(["2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"])("can be %s", (seats) => {
    const rig = new Rig();
    expect(rig.send("A", `h:Nice:Alice:${seats}`).map(textOf)).toStrictEqual(["i:Alice"]);
    expect(rig.hub.lobby("Nice")?.seats).toBe(Number(seats));
  });

  test.each(["0", "1", "13", "20", "112", "04", "02", "012", "+4", "-4", "4.0", "4 ", " 4", "", "x", "0x4", "4\n"])(
    "cannot be %j",
    (seats) => {
      expect(answersTo(`h:Nice:Alice:${seats}`)).toStrictEqual(["error:invalid_request"]);
    },
  );
});

describe("each request", () => {
  const VALID = [
    "h:Nice:Alice:4",
    "c:Nice:Bob",
    "p:Nice:Bob",
    "s:Nice:Alice",
    "y:Nice:Bob",
    "k:Nice:Bob",
    "x:Nice:Bob",
  ];

  test.each(VALID)("%s is accepted", (request) => {
    const answers = answersTo(request);
    expect(answers).toHaveLength(1);
    expect(answers).not.toContain("error:invalid_request");
  });

  // The original ignores a final newline and keeps it in the name.
  test.each(VALID)("%s with a final newline is invalid_request, and no name keeps it", (request) => {
    const rig = openSession("AB");
    expect(rig.send("C", `${request}\n`).map(textOf)).toStrictEqual(["error:invalid_request"]);
    expect(rig.hub.directory.all().map((lobby) => lobby.members.map((member) => member.peer))).toStrictEqual([
      ["Alice", "Bob"],
    ]);
  });

  test.each(VALID)("%s with two extra fields is invalid_request", (request) => {
    expect(answersTo(`${request}:more:more`)).toStrictEqual(["error:invalid_request"]);
  });

  test.each(VALID.map((request) => request.slice(0, 2)))("%s with an empty field is invalid_request", (request) => {
    expect(answersTo(request)).toStrictEqual(["error:invalid_request"]);
  });

  test.each(VALID.map((request) => request.split(":").slice(0, 2).join(":")))(
    "%s alone is invalid_request",
    (request) => {
      expect(answersTo(request)).toStrictEqual(["error:invalid_request"]);
    },
  );

  test.each(["c:Nice:Bob:pass:more", "c:Nice:Bob:", "p:Nice:Bob:pw", "s:Nice:Alice:4", "y:Nice:Bob:1", "k:Nice:Bob:1"])(
    "an extra or empty field is invalid_request: %s",
    (request) => {
      expect(answersTo(request)).toStrictEqual(["error:invalid_request"]);
    },
  );

  test("one that is too long is invalid_request if it is text, and gets no reply otherwise", () => {
    expect(answersTo(`c:${"a".repeat(65_505)}`)).toStrictEqual(["error:invalid_request"]);
    expect(answersTo(`c:Nice:Bob:${"a".repeat(100)}`)).toStrictEqual(["error:invalid_request"]);
    expect(answersTo(`c:${"\xff".repeat(100)}`)).toStrictEqual([]);
  });

  test("one that is not UTF-8 gets no reply", () => {
    expect(answersTo("h:Nice:\xff:4")).toStrictEqual([]);
    expect(answersTo("c:Nice:Bob\xc3")).toStrictEqual([]);
    expect(answersTo("p:\xed\xa0\x80:Bob")).toStrictEqual([]);
  });
});

describe("no reply", () => {
  test.each([
    // Answering a server's message would let two servers answer each other endlessly.
    ["what a server says: an error", "error:invalid_request"],
    ["what a server says: players", "i:Alice:Bob"],
    ["a capital letter", "H:Nice:Alice:4"],
    ["an unknown letter", "z:Nice:Alice"],
    ["what the FusionV1 fork says: a message", "m:Nice:Alice:hello"],
    ["what the FusionV1 fork says: the list", "l:"],
    ["what the realtime branch says", "rc:Nice:Alice"],
    ["a word", "hello:world"],
    ["a letter after a space", " h:Nice:Alice:4"],
    ["a colon alone", ":"],
    ["colons alone", "::::"],
    ["a greeting of two plugins", "g:Alice:5001:5002"],
  ])("is sent to %s, even on a port of this wire alone", (_, said) => {
    expect(answersTo(said)).toStrictEqual([]);
    expect(answersTo(said, SHARED_PORT)).toStrictEqual([]);
  });

  test("is sent to unknown message types", () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
    const answered = bytes.filter((letter) => answersTo(`${letter}:Nice:Alice`).length > 0);
    // h: gets an error because its seats are missing.
    expect(answered.join("")).toBe("chkpsxy");
  });

  test.each([
    ["bytes that are no text", "\xff\xfe\xfd"],
    ["half a character", "\xc3"],
    ["a surrogate", "\xed\xa0\x80"],
    ["text in another encoding", "caf\xe9"],
  ])("is sent to %s", (_, said) => {
    expect(answersTo(said)).toStrictEqual([]);
  });

  test("is sent to IPv6, which this wire cannot write: no state and no address", () => {
    const rig = continueScript(openSession("AB"))(`
      C6> c:Nice:Carol
      C6> h:Other:Carol:4
      C6> p:Nice:Alice
      C6> x:Nice:Bob
      C6> k:Nice:Bob
      C6> s:Nice:Alice
      C6> y:Nice:Bob
      C6> nonsense
      C6> h:
      A> p:Nice:Alice
      A< i:Alice:Bob
    `);
    expect(rig.hub.directory.size).toBe(1);
    expect(rig.sidecar().counters.get("dropped", "ipv6")).toBe(9);
  });
});

describe("text without a colon", () => {
  const WORDS = [
    ["nothing at all", ""],
    ["a word", "nonsense"],
    ["a letter of this wire", "h"],
    ["words", "a b c"],
    ["UTF-8", "caf\xc3\xa9"],
    ["a newline", "\n"],
    ["zeros", "\0\0\0\0"],
    ["the longest datagram", "x".repeat(65_507)],
  ] as const;

  test.each(WORDS)("is invalid_request on a port of this wire alone: %s", (_, words) => {
    expect(answersTo(words)).toStrictEqual(["error:invalid_request"]);
  });

  test.each(WORDS)("gets no reply on a shared port: %s", (_, words) => {
    expect(answersTo(words, SHARED_PORT)).toStrictEqual([]);
  });

  test("does not change the replies of a shared port to Rabid's messages", () => {
    runScript(`
      A/3478> nonsense
      A/3478> h:Nice
      A/3478< error:invalid_request
      A/3478> h:Nice:Alice:4
      A/3478< i:Alice
      B/3478> c:Nope:Bob
      B/3478< error:session_non_existent
      B> c:Nice:Bob
      A/3478< i:Alice:Bob
      B< i:Alice:Bob
    `);
  });
});

test("every refusal is one of the wire's fourteen errors, or no reply", () => {
  const said = (Object.keys(REFUSALS) as RefusalCode[]).flatMap((code) => {
    const [bytes] = rabid.encodeAnswer({ kind: "refused", code }, asks("Alice"));
    return bytes === undefined ? [] : [[code, textOf({ bytes })]];
  });
  expect(Object.fromEntries(said)).toStrictEqual({
    invalid_request: "error:invalid_request",
    lobby_not_found: "error:session_non_existent",
    lobby_exists: "error:session_exists",
    lobby_full: "error:session_full",
    password_mismatch: "error:password_mismatch",
    name_in_use: "error:player_name_in_use",
    member_not_found: "error:non_existent_player",
    not_host: "error:non_host_player",
    kicked: "error:kicked_by_host",
    too_few_players: "error:only_one_player_in_session",
    not_started: "error:session_not_started",
  });
});

/** The replies to a stranger that sends only this. */
function answersTo(said: string, via?: number): string[] {
  return new Rig().send("C", said, via === undefined ? {} : { via }).map(textOf);
}
