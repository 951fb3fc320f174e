/**
 * A game with the Dowsett peer library: `dowsett-peer.ts SERVER LOCAL-ADDRESS SESSION [NAME]`. Without a name it hosts
 * the session, under the session's name; with one it joins. It greets everybody it knows, reliably.
 *
 *     says   { here: PORT }                      once it is registered or has joined; its own port
 *     says   { joined: NAME, address, port }     where that peer is spoken to
 *     says   { heard: NAME }                     its greeting
 *     says   { failed: WHY }
 */
import { DowsettPeer } from "../../../clients/typescript/src/dowsett/peer.ts";
import { listen, say } from "./stage.ts";

const [server, local, session, name] = process.argv.slice(2) as [string, string, string, string?];
const [ip, port] = server.split(":") as [string, string];

const peer = new DowsettPeer();
peer.on("peerJoined", (other) => {
  const [address, at] = peer.getPeerInfo(other)?.address ?? [];
  say({ joined: other, address, port: at });
  peer.sendReliableMessageToPeer(other, "hello").catch((error: unknown) => say({ failed: String(error) }));
});
peer.on("receivedReliableMessageFromPeer", ({ from, message }) => {
  if (message === "hello") say({ heard: from });
});
peer.on("error", (failed) => say({ failed }));
listen(
  () => {},
  () => peer.close(),
);
const init = { handshakeAddress: [ip, Number(port)], localAddress: [local, 0], serverName: session } as const;
await (name === undefined ? peer.initServer(init) : peer.initClient({ ...init, userName: name })).then(
  () => say({ here: peer.port }),
  // It was told as an error.
  () => {},
);
