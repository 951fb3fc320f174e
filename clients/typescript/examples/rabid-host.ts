/**
 * Hosts a Rabid session, starts it when a player has joined, and talks through the punched socket.
 *
 *     node examples/rabid-host.ts 127.0.0.1:57775 Nice Alice [password]
 */
import { isRabidMessage, RabidFailure, RabidPeer } from "../src/rabid/index.ts";

const [server = "127.0.0.1", session = "Nice", name = "Alice", password] = process.argv.slice(2);

try {
  const secret = password === undefined ? {} : { password };
  const peer = await RabidPeer.host({ server, session, name, seats: 2, ...secret });
  process.stdout.write(`hosting ${session}, waiting for a player\n`);
  peer.on("roster", ({ players }) => {
    process.stdout.write(`in the session: ${players.join(", ")}\n`);
    if (players.length === 2) peer.start().catch(() => {});
  });
  await peer.whenMet();

  // From here on the game owns the socket. The host knows all players; a guest knows at least the host.
  const { socket, peers } = peer.detach();
  for (const { name, endpoint } of peers) process.stdout.write(`met ${name} at ${endpoint.address}:${endpoint.port}\n`);
  socket.on("message", (bytes, from) => {
    if (isRabidMessage(bytes)) return;
    process.stdout.write(`${from.address}:${from.port} says ${JSON.stringify(bytes.toString())}\n`);
    socket.send(`welcome, says ${name}`, from.port, from.address, () => socket.close());
  });
} catch (error) {
  if (!(error instanceof RabidFailure)) throw error;
  process.stderr.write(`failed: ${error.message}\n`);
  process.exitCode = 1;
}
