/** What an operator reads in the log of a sidecar that gets no link: twins, DNS, closed ports, TLS, keys, redirects. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { LINK_VERSION } from "#shared/link/messages.ts";
import { Secret } from "../../udp-sidecar/config/secret.ts";
import { Counters } from "../../udp-sidecar/core/counters.ts";
import { ShardLinks } from "../../udp-sidecar/link/shard-links.ts";
import { GameTicketVerifier } from "../../udp-sidecar/link/ticket-verifier.ts";
import { Clock } from "../../udp-sidecar/time/clock.ts";
import { freePort } from "../../tools/run/ports.ts";
import { makeCertificates } from "../support/certificates.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

type LogLine = { readonly level: number; readonly msg: string; readonly why?: string; readonly advice?: string };

const folder = mkdtempSync(join(tmpdir(), "parley-certificates-"));
let stack: TestStack;
const links: ShardLinks[] = [];
const servers: Server[] = [];

beforeAll(async () => {
  makeCertificates(folder, "127.0.0.1");
  stack = await TestStack.open();
});
afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.stop(0)));
  for (const server of servers.splice(0)) server.close();
});
afterAll(async () => {
  await stack?.close();
  rmSync(folder, { recursive: true });
});

test("a second process with the same name logs once what to do, and the first one keeps its link", async () => {
  const lines: LogLine[] = [];
  const twin = connect(stack.url, { name: "one", lines });
  await eventually(
    async () => lines.length,
    (count) => count > 0,
  );
  expect(lines).toMatchObject([{ level: 50, advice: expect.stringContaining("PARLEY_NAME") as string }]);
  expect(lines[0]!.msg).toContain("another running sidecar is linked under the name one");
  expect(twin.counters.get("links", "twin")).toBe(1);
  expect(await stack.metric("parley_linked")).toBe(1);
  expect(await stack.metric('parley_links_total{change="down"}')).toBe(0);
});

test("an unknown host name, a closed port, a bad certificate, a wrong key and a redirect have different lines", async () => {
  const redirecting = createHttpServer((_, response) => response.writeHead(308, { location: "/" }).end());
  const secure = createHttpsServer({
    cert: readFileSync(join(folder, "expired.crt")),
    key: readFileSync(join(folder, "expired.key")),
  });
  const plain = createHttpServer((_, response) => response.end());
  const [redirect, tls, http] = await Promise.all([redirecting, secure, plain].map(listen));
  const closed = await freePort("tcp");
  const cases = [
    [`http://parley.invalid`, /^DNS has no address for parley\.invalid/],
    [`http://127.0.0.1:${closed}`, new RegExp(`^127\\.0\\.0\\.1:${closed} refuses the connection`)],
    [`https://127.0.0.1:${tls}`, /^the certificate of 127\.0\.0\.1:\d+ is not accepted/],
    [`https://127.0.0.1:${http}`, /^TLS with 127\.0\.0\.1:\d+ fails/],
    [`http://127.0.0.1:${redirect}`, /^the hub redirects \(308\): set PARLEY_HUB/],
    [stack.url, /^the hub refuses this sidecar's key \(PARLEY_KEY\)$/],
  ] as const;
  for (const [hub, expected] of cases) {
    const lines: LogLine[] = [];
    connect(hub, { name: "two", key: hub === stack.url ? "wrong" : stack.key, lines });
    await eventually(
      async () => lines,
      ([first]) => first !== undefined,
    );
    expect(lines[0]).toMatchObject({ level: 40, why: expect.stringMatching(expected) as string });
  }
});

function connect(hub: string, options: { name: string; key?: string; lines: LogLine[] }): { counters: Counters } {
  const counters = new Counters();
  const log = new Writable({
    write: (line: Buffer, _, done) => {
      options.lines.push(JSON.parse(line.toString()) as LogLine);
      done();
    },
  });
  const hello = { t: "hello", version: LINK_VERSION, sidecar: options.name, epoch: "another-epoch" } as const;
  links.push(
    new ShardLinks({
      hub: new URL(hub),
      key: new Secret(options.key ?? stack.key),
      game: "default",
      tickets: new GameTicketVerifier("default"),
      hello: () => ({ ...hello, region: "", addresses: [], ports: [] }),
      log: pino({}, log),
      counters,
      clock: new Clock(),
      handlers: {
        onMembers: () => {},
        onDirectory: () => {},
        onAnnouncement: () => {},
        onReplies: () => {},
        onRelayMessage: () => {},
      },
    }),
  );
  return { counters };
}

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
