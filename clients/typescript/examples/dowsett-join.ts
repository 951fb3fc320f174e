/**
 * A guest: prints a handshake server's list, joins, and sends each line that is typed.
 *
 *     node examples/dowsett-join.ts 192.168.0.10:5160 Alice Bob [password] [local address]
 */
import { createInterface } from "node:readline";
import { type Address, DowsettPeer } from "../src/index.ts";

const [server = "127.0.0.1:5160", serverName = "Alice", userName = "Bob", password = "", local = "0.0.0.0:0"] =
  process.argv.slice(2);
const handshakeAddress = addressOf(server);
const guest = new DowsettPeer();

guest.on("error", (message) => console.log(`error: ${message}`));
guest.on("peerJoined", (name) => console.log(`${name} is here`));
guest.on("peerDropped", (name) => console.log(`${name} left`));
guest.on("receivedReliableMessageFromPeer", ({ from, message }) => console.log(`${from}: ${JSON.stringify(message)}`));
guest.on("receivedUnreliableMessageFromPeer", ({ from, message }) =>
  console.log(`${from}: ${JSON.stringify(message)}`),
);

try {
  const { servers } = await guest.requestServerList(handshakeAddress);
  for (const { name, passwordIsRequired } of servers) console.log(`${name}${passwordIsRequired ? " (locked)" : ""}`);
  const at = await guest.initClient({
    handshakeAddress,
    localAddress: addressOf(local),
    userName,
    serverName,
    password,
  });
  console.log(`joined ${serverName} at ${at.join(":")}; type to talk, Ctrl+D leaves`);
  const keyboard = createInterface({ input: process.stdin });
  keyboard.on("line", (line) => void guest.sendReliableMessageToPeer(serverName, line));
  keyboard.on("close", () => void guest.close());
  guest.on("sessionTerminated", () => keyboard.close());
} catch {
  // The error event has printed the reason.
  process.exitCode = 1;
}

function addressOf(text: string): Address {
  const [ip = "", port = ""] = text.split(":");
  return [ip, Number(port)];
}
