/** Requests to a real server, with the number of connections that it saw. */
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HttpTransport } from "../../src/api/http-transport.ts";

const GET = { method: "GET", headers: {} };
let server: Server;
let url: string;
const sockets = new Set<Socket>();

beforeEach(async () => {
  sockets.clear();
  server = createServer((request, response) => {
    if (request.url === "/never") return;
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => response.writeHead(200, { "x-method": request.method! }).end(Buffer.concat(chunks)));
  }).on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test("requests share one connection", async () => {
  const transport = new HttpTransport(url);
  for (let time = 0; time < 5; time++) await transport.send(`${url}/`, GET, 5_000);
  expect(sockets.size).toBe(1);
});

test("a body arrives as it was sent, and the response has status, headers and bytes", async () => {
  const body = Uint8Array.from({ length: 1_000 }, (_, at) => at % 256);
  const response = await new HttpTransport(url).send(`${url}/`, { method: "PUT", headers: {}, body }, 5_000);
  expect([response.status, response.header("x-method")]).toStrictEqual([200, "PUT"]);
  expect(Uint8Array.from(response.body)).toStrictEqual(body);
});

test("after a change of the network, and after a timeout, a new connection is used", async () => {
  const transport = new HttpTransport(url);
  await transport.send(`${url}/`, GET, 5_000);
  transport.reset();
  await transport.send(`${url}/`, GET, 5_000);
  expect(sockets.size).toBe(2);
  await expect(transport.send(`${url}/never`, GET, 50)).rejects.toThrow("no response within 50 ms");
  await transport.send(`${url}/`, GET, 5_000);
  expect(sockets.size).toBe(3);
});
