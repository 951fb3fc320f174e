/**
 * A UDP socket with a DTLS session, controlled by the test: `dtls-socket.ts ADDRESS PORT` of the
 * server.
 *
 *     prints { port }                              once, when it is bound
 *     reads  { seal }                              opens a session; then prints { sealed: true }
 *     reads  { sealed: text }                      sends it to the server over DTLS
 *     prints { heard, sealed: true }               a message of the server over DTLS
 *     reads  { bye: true }                         closes the session; the socket stays open
 *     reads  { say, address, port }                sends a clear-text datagram
 *     prints { heard, address, port }              a clear-text datagram and its source
 */
import { createSocket } from "node:dgram";
import { DtlsTestClient, DtlsClientFactory } from "../../support/dtls.ts";
import { onLine, sendLine } from "./json-lines.ts";

const REPEAT_MS = 100;

const [address, port] = [process.argv[2]!, Number(process.argv[3])];
const clients = await DtlsClientFactory.load();
let client: DtlsTestClient | null = null;
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
    send(client.step(bytes));
    if (was === "shaking" && client.state === "open") sendLine({ sealed: true });
    for (const heard of client.received.splice(0)) sendLine({ heard, sealed: true });
  }
});
setInterval(() => client !== null && send(client.conversation.retransmit().datagrams), REPEAT_MS);
socket.bind(0, () => sendLine({ port: socket.address().port }));
onLine((line) => {
  if ("seal" in line) send((client = new DtlsTestClient(clients.create(), { address, port })).step(null));
  else if ("sealed" in line) send([client!.encrypt(line["sealed"] as string)]);
  else if ("bye" in line) send(client!.conversation.close());
  else socket.send(line["say"] as string, line["port"] as number, line["address"] as string);
});
