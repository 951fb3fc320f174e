/** Requests and frames that no client library sends, as raw bytes to a real hub: each gets 4xx or a close frame. */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestStack } from "../support/test-stack.ts";

const UPGRADE = [
  "GET /v1/games/default/events HTTP/1.1",
  "Host: hub",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Protocol: parley.v1",
  "",
  "",
].join("\r\n");

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.open();
});
afterAll(() => stack?.close());

describe("a malformed request gets 4xx", () => {
  test.each([
    ["a Host with a space", "GET /healthz HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n"],
    [
      "a Host with an invalid port",
      "GET /v1/games/default/lobbies HTTP/1.1\r\nHost: [::1]:99999\r\nConnection: close\r\n\r\n",
    ],
    ["OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n"],
    ["no Host", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"],
    ["invalid escapes in the path", "GET /v1/games/%zz/lobbies/%ff HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n"],
  ])("with %s", async (_, request) => {
    expect(await exchange([request])).toMatch(/^HTTP\/1\.1 4\d\d /);
  });

  test("with a body that ends early, or has an invalid chunk", async () => {
    const created = await fetch(`${stack.url}/v1/games/default/peers`, { method: "POST" });
    const { peer_token } = (await created.json()) as { peer_token: string };
    const head = [
      "POST /v1/games/default/lobbies HTTP/1.1",
      "Host: hub",
      `Authorization: Bearer ${peer_token}`,
      "Content-Type: application/json",
    ];
    const early = [...head, "Content-Length: 100", "", '{"na'].join("\r\n");
    expect(await exchange([early], { ends: true })).toMatch(/^HTTP\/1\.1 400 /);
    const chunk = [...head, "Transfer-Encoding: chunked", "", "zz", ""].join("\r\n");
    expect(await exchange([chunk])).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe("a close frame is answered with one", () => {
  test.each<[code: number, answer: number]>([
    [1_000, 1_000],
    [3_000, 3_000],
    [4_999, 4_999],
    ...[0, 999, 1_004, 1_015, 2_999, 5_000, 65_535].map((code): [number, number] => [code, 1_002]),
  ])("code %d with %d", async (code, answer) => {
    const close = Buffer.from([0x88, 0x82, 0, 0, 0, 0, code >> 8, code & 255]);
    const answered = await exchange([UPGRADE, close]);
    const frame = Buffer.from(answered.slice(answered.indexOf("\r\n\r\n") + 4), "latin1");
    expect([frame[0], frame[1], frame.readUInt16BE(2)]).toStrictEqual([0x88, 2, answer]);
  });
});

/** Sends the first part, each further one after a response, and returns all that came until the hub closed or a frame. */
function exchange(parts: (string | Buffer)[], { ends = false } = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(Number(new URL(stack.url).port), "127.0.0.1");
  const [first, ...rest] = parts;
  let received = "";
  socket.once("connect", () => (ends ? socket.end(first!) : socket.write(first!)));
  socket.on("data", (bytes: Buffer) => {
    received += bytes.toString("latin1");
    const next = rest.shift();
    if (next !== undefined) socket.write(next);
    else if (parts.length > 1 || /\r\n\r\n/.test(received)) socket.destroy();
  });
  socket.on("error", reject);
  socket.on("close", () => resolve(received));
  return promise;
}
