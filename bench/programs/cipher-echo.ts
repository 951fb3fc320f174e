/**
 * A bare UDP echo server that opens each datagram with the client's seal and seals the reply: what the runtime's cipher
 * objects alone cost, and so the limit of the client.
 */
import { createSocket } from "node:dgram";
import { Seal } from "../../clients/typescript/src/secure/seal.ts";

const seal = new Seal({ key: Buffer.from(process.argv[2]!, "hex"), epoch: 0, role: "b" });
const socket = createSocket("udp4");
socket.on("message", (bytes, from) => {
  const body = seal.open(bytes, 0);
  if (body !== null) socket.send(seal.seal(body, 0), from.port, from.address);
});
socket.bind(0, "127.0.0.1", () => process.send!({ port: socket.address().port }));
