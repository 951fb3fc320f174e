/** Delays each frame of a VXLAN tunnel and sends it into the other tunnel of the same link; see `lossy-link.ts`. */
import { createSocket } from "node:dgram";
import { VXLAN_PORT } from "../lossy-link.ts";
import { onLine, sendLine } from "./json-lines.ts";

/** The offset of the three bytes with the tunnel's number (VNI) in the header (RFC 7348, section 5). */
const NUMBER_AT = 4;

const socket = createSocket("udp4");
socket.on("error", () => {});
socket.on("message", (frame, { address }) => {
  const number = frame.readUIntBE(NUMBER_AT, 3);
  frame.writeUIntBE(number ^ 1, NUMBER_AT, 3);
  setTimeout(() => socket.send(frame, VXLAN_PORT, address), number >> 1);
});
socket.bind(VXLAN_PORT, () => sendLine({ ready: true }));
onLine(() => {});
