/**
 * Joins a Rabid session, waits for its host to start, and greets the host through the punched socket.
 *
 *     node examples/rabid-join.ts 127.0.0.1:57775 Nice Bob [password]
 */
import { isRabidMessage, RabidFailure, RabidPeer } from "../src/rabid/index.ts";

/** A greeting may be lost like any datagram. A game has its own retransmission. */
const AGAIN_MS = 200;

const [server = "127.0.0.1", session = "Nice", name = "Bob", password] = process.argv.slice(2);

try {
  const peer = await RabidPeer.join({ server, session, name, ...(password === undefined ? {} : { password }) });
  process.stdout.write(`in the session: ${peer.players.join(", ")}\n`);
  await peer.whenMet();

  const { socket, peers } = peer.detach();
  const host = peers.find(({ isHost }) => isHost);
  if (host === undefined) throw new Error("a guest never meets without the host");
  process.stdout.write(`met the host ${host.name} at ${host.endpoint.address}:${host.endpoint.port}\n`);
  const hello = (): void => socket.send(`hello, says ${name}`, host.endpoint.port, host.endpoint.address);
  const again = setInterval(hello, AGAIN_MS);
  hello();
  socket.on("message", (bytes) => {
    if (isRabidMessage(bytes)) return;
    process.stdout.write(`${host.name} says ${JSON.stringify(bytes.toString())}\n`);
    clearInterval(again);
    socket.close();
  });
} catch (error) {
  if (!(error instanceof RabidFailure)) throw error;
  process.stderr.write(`failed: ${error.message}\n`);
  process.exitCode = 1;
}
