/** Signed signals, and addresses in them. */
import { expect, test } from "vitest";
import { revealsAddress, withoutRelated } from "../../src/webrtc/candidates.ts";
import { connectionOfSignal, SignalSeal } from "../../src/webrtc/signal-seal.ts";

const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OFFER = { description: { type: "offer", sdp: "v=0\r\na=fingerprint:sha-256 AA:BB\r\n" } } as const;

const pair = async (): Promise<[SignalSeal, SignalSeal]> => [
  await SignalSeal.open("0-one", KEY, "a"),
  await SignalSeal.open("0-one", KEY, "b"),
];

test("a signal opens once at the other side", async () => {
  const [a, b] = await pair();
  const text = await a.seal(OFFER);
  expect(connectionOfSignal(text)).toBe("0-one");
  expect(await b.open(text)).toMatchObject(OFFER);
  expect(await b.open(text)).toBe("replayed");
  expect(await b.open(await a.seal({ candidates: [] }))).toMatchObject({ candidates: [] });
});

test("a signal is the documented text", async () => {
  const [a] = await pair();
  expect(await a.seal({ candidates: [] })).toBe(
    'webrtc.uIpfxXKt67A8Zga9_On5ppN43lTaBiR2-fV1st2XrY8.{"connection_id":"0-one","seq":1,"candidates":[]}',
  );
});

test("whatever is changed, reflected, of another pair or of another connection is forged", async () => {
  const [a, b] = await pair();
  const text = await a.seal(OFFER);
  const other_key = await SignalSeal.open("0-one", KEY.replace("A", "B"), "a");
  const other_connection = await SignalSeal.open("0-two", KEY, "a");
  const forged = [
    text.replace("AA:BB", "AA:BC"),
    text.replace('"seq":1', '"seq":2'),
    await b.seal(OFFER),
    await other_key.seal(OFFER),
    await other_connection.seal(OFFER),
    text.replace(/^webrtc\.../, "webrtc.!!"),
  ];
  for (const one of forged) expect([one, await b.open(one)]).toStrictEqual([one, "forged"]);
  expect(await b.open(text)).toMatchObject(OFFER);
});

test("a signed signal of another shape is malformed", async () => {
  const [a, b] = await pair();
  const wrong = [
    { description: { type: "rollback", sdp: "" } },
    { description: "offer" },
    { candidates: {} },
    { candidates: ["text"] },
    { candidates: Array.from({ length: 17 }, () => ({})) },
  ];
  for (const one of wrong) expect([one, await b.open(await a.seal(one as never))]).toStrictEqual([one, "malformed"]);
  expect(connectionOfSignal("hello")).toBeNull();
  expect(connectionOfSignal("webrtc.x.{")).toBeNull();
  expect(connectionOfSignal(`webrtc.x.${JSON.stringify({ connection_id: "x".repeat(9_000) })}`)).toBeNull();
});

test("only a relay's candidate reveals no address, and its origin is removed", () => {
  const relay = "candidate:1 1 udp 41885439 198.51.100.7 52001 typ relay raddr 203.0.113.9 rport 4711 generation 0";
  expect(revealsAddress(`v=0\r\na=${relay}\r\n`)).toBe(false);
  for (const type of ["host", "srflx", "prflx"]) {
    const line = `candidate:1 1 udp 1 192.168.1.2 4711 typ ${type}`;
    expect([revealsAddress(line), revealsAddress(`v=0\r\na=${line}\r\n`)]).toStrictEqual([true, true]);
  }
  expect(withoutRelated(relay)).toBe(
    "candidate:1 1 udp 41885439 198.51.100.7 52001 typ relay raddr 0.0.0.0 rport 0 generation 0",
  );
});
