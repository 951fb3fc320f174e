/**
 * A UDP socket controlled by the test: `socket.ts PORT` (0 for any free port).
 *
 *     prints { port }                              once, when it is bound
 *     reads  { say, address, port }                sends a datagram
 *     prints { heard, address, port }              a datagram and its source
 */
import { createSocket } from "node:dgram";
import { onLine, sendLine } from "./json-lines.ts";

const socket = createSocket("udp4");
// Without a listener an unreachable network would end the program; an unsent datagram counts as lost.
socket.on("error", () => {});
socket.on("message", (bytes, { address, port }) => sendLine({ heard: bytes.toString("utf8"), address, port }));
socket.bind(Number(process.argv[2]), () => sendLine({ port: socket.address().port }));
onLine((line) => socket.send(line["say"] as string, line["port"] as number, line["address"] as string));
