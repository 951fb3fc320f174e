/** The least a UDP server of this runtime can do: what the sidecar's pings are compared with. */
import { createSocket } from "node:dgram";

const socket = createSocket("udp4");
socket.on("message", (bytes, from) => socket.send(bytes, from.port, from.address));
socket.bind(Number(process.argv[2]), "127.0.0.1");
