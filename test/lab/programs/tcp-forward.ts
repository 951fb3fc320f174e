/**
 * Forwards TCP connections: `tcp-forward.ts ADDRESS PORT TARGET` listens at ADDRESS and connects to the same port of TARGET.
 * Prints `{ ready: true }`.
 */
import { connect, createServer } from "node:net";
import { onLine, sendLine } from "./json-lines.ts";

const [address, port, target] = process.argv.slice(2) as [string, string, string];

const server = createServer((outside) => {
  const inside = connect(Number(port), target);
  for (const [socket, other] of [
    [inside, outside],
    [outside, inside],
  ] as const) {
    socket.on("error", () => other.destroy());
    socket.on("close", () => other.destroy());
    socket.pipe(other);
  }
});
server.listen(Number(port), address, () => sendLine({ ready: true }));
onLine(
  () => {},
  () => process.exit(0),
);
