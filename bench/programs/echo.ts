/** A bare UDP echo server: the upper bound for a UDP server of this runtime, with which the sidecar is compared. */
import { createSocket } from "node:dgram";

const socket = createSocket("udp4");
socket.on("message", (bytes, from) => socket.send(bytes, from.port, from.address));
socket.bind(Number(process.argv[2]), "127.0.0.1", () => process.send?.({ port: socket.address().port }));
