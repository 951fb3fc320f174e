/**
 * A UDP socket that the test holds from outside: `socket.ts PORT` (0 for any).
 *
 *     says   { port }                              once, when it is bound
 *     hears  { say, address, port }                sends a datagram
 *     says   { heard, address, port }              a datagram, and whom it came from
 */
import { createSocket } from "node:dgram";
import { onLine, sendLine } from "./json-lines.ts";

const socket = createSocket("udp4");
// Without a listener an unreachable network would end the program; a datagram that is not sent is a datagram lost.
socket.on("error", () => {});
socket.on("message", (bytes, { address, port }) => sendLine({ heard: bytes.toString("utf8"), address, port }));
socket.bind(Number(process.argv[2]), () => sendLine({ port: socket.address().port }));
onLine((line) => socket.send(line["say"] as string, line["port"] as number, line["address"] as string));
