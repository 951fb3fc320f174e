/**
 * A UDP socket with a DTLS session on it, that the test holds from outside: `sealed-socket.ts ADDRESS PORT` of the
 * server.
 *
 *     says   { port }                              once, when it is bound
 *     hears  { seal }                              connects; says { sealed: true } then
 *     hears  { sealed: text }                      says it to the server, under DTLS
 *     says   { heard, sealed: true }               what the server said under DTLS
 *     hears  { bye: true }                         ends the session; the socket stays
 *     hears  { say, address, port }                sends a datagram in clear
 *     says   { heard, address, port }              a datagram in clear, and whom it came from
 */
import { createSocket } from "node:dgram";
import { Client, Clients } from "../../support/dtls.ts";
import { onLine, sendLine } from "./json-lines.ts";

const REPEAT_MS = 100;

const [address, port] = [process.argv[2]!, Number(process.argv[3])];
const clients = await Clients.load();
let client: Client | null = null;
const socket = createSocket("udp4");
const send = (datagrams: readonly Uint8Array[]): void => {
  for (const datagram of datagrams) socket.send(datagram, port, address);
};
socket.on("error", () => {});
socket.on("message", (bytes, from) => {
  if (bytes[0]! < 20 || bytes[0]! > 23) {
    sendLine({ heard: bytes.toString("utf8"), address: from.address, port: from.port });
  } else if (client !== null) {
    const was = client.state;
    send(client.take(bytes));
    if (was === "shaking" && client.state === "open") sendLine({ sealed: true });
    for (const heard of client.heard.splice(0)) sendLine({ heard, sealed: true });
  }
});
setInterval(() => client !== null && send(client.conversation.retransmit().datagrams), REPEAT_MS);
socket.bind(0, () => sendLine({ port: socket.address().port }));
onLine((line) => {
  if ("seal" in line) send((client = new Client(clients.make(), { address, port })).take(null));
  else if ("sealed" in line) send([client!.say(line["sealed"] as string)]);
  else if ("bye" in line) send(client!.conversation.close());
  else socket.send(line["say"] as string, line["port"] as number, line["address"] as string);
});
