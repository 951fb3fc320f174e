/** Messages with a fault, and signals: each is answered, and the socket stays open. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { clientMessage } from "#shared/api/events.ts";
import { RATE_LIMIT_BUDGETS, SUBSCRIBER_MESSAGES_BURST, SUBSCRIBER_SIGNALS_BURST } from "#shared/limits.ts";
import type { Schema } from "#shared/schema/decode.ts";
import { seeded } from "../../../support/dice.ts";
import { misspellings } from "../../support/misspelling.ts";
import { Player } from "../../support/player.ts";
import { newGame } from "../../support/sidecar.ts";
import { type Frame, EventsClient } from "../../support/subscriber.ts";

const NOBODY = `0-${"a".repeat(26)}`;

let game = "";
beforeEach(() => {
  game = newGame();
  vi.useFakeTimers({ toFake: ["Date"] });
});

describe("a message with a fault is answered, and the socket stays open:", () => {
  const deep = `${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}`;
  const says = (type: string, data: unknown): string => JSON.stringify({ type, seq: 7, data });
  test.each<[string, string, string | null, string]>([
    ["an unknown type", says("shutdown", {}), "shutdown", "/type"],
    ["a type of Object's", says("__proto__", {}), null, "/type"],
    ["a type that is no word", '{"type":{"a":1},"seq":7,"data":{}}', null, "/type"],
    ["no data", '{"type":"hello","seq":7}', "hello", "/data"],
    ["a token that is none", says("hello", { token: 7 }), "hello", "/data/token"],
    ["an unknown key", says("hello", { tokn: "x" }), "hello", "/data/tokn"],
    ["an unknown key beside data", '{"type":"hello","seq":7,"data":{},"version":2}', "hello", "/version"],
    ["a topic that is none", says("subscribe", { topic: "everything" }), "subscribe", "/data/topic"],
    ["a malformed id", says("subscribe", { topic: "lobby", lobby_id: "../x" }), "subscribe", "/data/lobby_id"],
    [
      "a filter that is none",
      says("subscribe", { topic: "lobbies", filter: { "a b": "1" } }),
      "subscribe",
      "/data/filter",
    ],
    [
      "a filter of numbers",
      says("subscribe", { topic: "lobbies", filter: { seats: 2 } }),
      "subscribe",
      "/data/filter/seats",
    ],
    ["depth", `{"type":"hello","seq":7,"data":{"x_a":${deep}}}`, "hello", ""],
    ["two equal names", '{"type":"hello","seq":7,"data":{},"data":{}}', "hello", ""],
    [
      "half a character",
      String.raw`{"type":"chat","seq":7,"data":{"lobby_id":"${NOBODY}","text":"\ud800"}}`,
      "chat",
      "/data/text",
    ],
  ])("%s", async (_, message, type, pointer) => {
    const subscriber = await EventsClient.open(game);
    subscriber.say(message);
    const { re, data } = await subscriber.next("error");
    expect([re, data["in_reply_to"]]).toStrictEqual([7, type]);
    const { code, detail, errors } = data["problem"] as { code: string; detail: string; errors: { pointer: string }[] };
    expect([code, errors[0]!.pointer]).toStrictEqual(["invalid_request", pointer]);
    expect(detail).toContain(pointer === "" ? "message: " : pointer.slice(1).replaceAll("/", "."));
    expect((await subscriber.ask("hello", {})).type).toBe("welcome");
  });

  test("a number that is none is not repeated, and the type names the message", async () => {
    const subscriber = await EventsClient.open(game);
    subscriber.say('{"type":"hello","seq":-1,"data":{}}');
    const { re, data } = await subscriber.next("error");
    expect([re, data["in_reply_to"]]).toStrictEqual([undefined, "hello"]);
    expect(data["problem"]).toMatchObject({ errors: [{ pointer: "/seq" }] });
    expect((await subscriber.ask("hello", {})).type).toBe("welcome");
  });
});

describe("a misspelt key is refused at every depth of", () => {
  const kinds = (clientMessage.schema as unknown as { oneOf: Kind[] }).oneOf;
  type Kind = Schema & { readonly properties: { readonly type: { readonly enum: readonly string[] } } };
  test.each(kinds.map((schema) => ({ type: schema.properties.type.enum[0]!, schema })))("$type", async (kind) => {
    const subscriber = await EventsClient.greet(game);
    for (const { value, pointer } of misspellings(kind.schema, seeded(20_261_130))) {
      vi.setSystemTime(Date.now() + 1_000);
      subscriber.say({ ...(value as object), seq: 9 });
      const { re, data } = await subscriber.next("error");
      expect([re, data["in_reply_to"]]).toStrictEqual([9, kind.type]);
      const { errors } = data["problem"] as { errors: object[] };
      expect(errors).toContainEqual({ pointer, message: expect.stringContaining("unknown") });
    }
    expect((await subscriber.ask("unsubscribe", { topic: "lobbies" })).type).toBe("ok");
  });
});

describe("signals", () => {
  test("have their own budget, and those beyond it are refused one by one", async () => {
    const { burst } = RATE_LIMIT_BUDGETS.signal;
    const { subscriber, signal } = await pair();
    const answers: Frame[] = [];
    for (let at = 0; at < burst + 2 * SUBSCRIBER_MESSAGES_BURST; at++)
      answers.push(await subscriber.ask("signal", signal));
    expect(answers.slice(0, burst).filter(({ type }) => type !== "ok")).toStrictEqual([]);
    for (const { type, data } of answers.slice(burst)) {
      expect([type, data["in_reply_to"]]).toStrictEqual(["error", "signal"]);
      expect(data["problem"]).toMatchObject({ code: "rate_limited", status: 429, retry_after_s: 1 });
    }
    // The budget of other messages is untouched.
    expect((await subscriber.ask("unsubscribe", { topic: "lobbies" })).type).toBe("ok");
    vi.setSystemTime(Date.now() + 1_000);
    expect((await subscriber.ask("signal", signal)).type).toBe("ok");
  });

  test(`a socket that sends ${SUBSCRIBER_SIGNALS_BURST} at once is closed`, async () => {
    const { subscriber, signal } = await pair();
    for (let at = 0; at <= SUBSCRIBER_SIGNALS_BURST; at++) subscriber.say({ type: "signal", data: signal });
    expect((await subscriber.closed).code).toBe(4429);
  });

  /** A member's socket, and a signal to the other member. */
  async function pair(): Promise<{ subscriber: EventsClient; signal: object }> {
    const [alice, bob] = [await Player.of(game), await Player.of(game)];
    const { id } = await alice.hosts();
    await bob.joins(id);
    return {
      subscriber: await EventsClient.greet(game, alice.token),
      signal: { lobby_id: id, to: bob.id, body: "x" },
    };
  }
});
