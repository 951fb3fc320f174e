/**
 * A host that greets each peer and repeats what it receives. Arguments: handshake server, name, password (or ""), and
 * this machine's address in its own network with the port to listen on.
 *
 *     node examples/dowsett-host.ts 203.0.113.7:5160 Alice [password] [local address]
 *
 * Without a handshake server (LAN mode), the local address is also the server's:
 *
 *     node examples/dowsett-host.ts 192.168.0.10:5160 Alice "" 192.168.0.10:5160
 */
import { type Address, DowsettPeer } from "../src/index.ts";

const [server = "127.0.0.1:5160", serverName = "Alice", password = "", local = "0.0.0.0:0"] = process.argv.slice(2);
const host = new DowsettPeer();

host.on("error", (message) => console.log(`error: ${message}`));
host.on("peerJoined", (name) => {
  console.log(`${name} joined; here are ${host.getPeers().join(", ")}`);
  void host.sendReliableMessageToPeer(name, `welcome, ${name}`);
});
host.on("peerDropped", (name) => console.log(`${name} left`));
host.on("receivedReliableMessageFromPeer", ({ from, message }) => {
  console.log(`${from}: ${JSON.stringify(message)}`);
  host.broadcastUnreliableMessage({ said: message, by: from });
});

process.on("SIGINT", () => void host.close());

try {
  const at = await host.initServer({
    handshakeAddress: addressOf(server),
    localAddress: addressOf(local),
    serverName,
    password,
  });
  console.log(`${serverName} is registered with ${at.join(":")}; Ctrl+C ends it`);
} catch {
  // The error event has printed the reason.
  process.exitCode = 1;
}

function addressOf(text: string): Address {
  const [ip = "", port = ""] = text.split(":");
  return [ip, Number(port)];
}
