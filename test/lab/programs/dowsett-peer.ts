/**
 * A game with the Dowsett peer library: `dowsett-peer.ts SERVER LOCAL-ADDRESS SESSION NAME [PASSWORD] [OPTIONS]`. With
 * the session's name it hosts, with another one it joins. It greets everybody it knows, reliably.
 *
 *     says   { here: PORT }                      once it is registered or has joined; its own port
 *     says   { joined: NAME, address, port }     where that peer is spoken to
 *     says   { heard: NAME, message }            a greeting, or what it was told to send
 *     says   { dropped: NAME }, { ended: true }  a peer is gone; the session is over
 *     says   { failed: WHY }
 *     hears  { send: NAME, message }             says { confirmed: NAME, message }
 *     hears  { drop: NAME }, { quit: true }
 */
import type { DowsettOptions } from "../../../clients/typescript/src/dowsett/options.ts";
import { DowsettPeer } from "../../../clients/typescript/src/dowsett/peer.ts";
import { onLine, sendLine } from "./json-lines.ts";

const [server, local, session, name, password = "", options = "{}"] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string?,
  string?,
];
const [ip, port] = server.split(":") as [string, string];

const peer = new DowsettPeer(JSON.parse(options) as DowsettOptions);
peer.on("peerJoined", (other) => {
  const [address, at] = peer.getPeerInfo(other)?.address ?? [];
  sendLine({ joined: other, address, port: at });
  peer.sendReliableMessageToPeer(other, "hello").catch((error: unknown) => sendLine({ failed: String(error) }));
});
peer.on("receivedReliableMessageFromPeer", ({ from, message }) => sendLine({ heard: from, message }));
peer.on("peerDropped", (dropped) => sendLine({ dropped }));
peer.on("sessionTerminated", () => sendLine({ ended: true }));
peer.on("error", (failed) => sendLine({ failed }));
onLine(
  ({ send, message, drop, quit }) => {
    if (typeof send === "string") {
      const confirmed = (): void => sendLine({ confirmed: send, message });
      peer
        .sendReliableMessageToPeer(send, message)
        .then(confirmed, (error: unknown) => sendLine({ failed: String(error) }));
    }
    if (typeof drop === "string") peer.dropPeer(drop);
    if (quit === true) peer.quitConnection();
  },
  () => peer.close(),
);
const init = {
  handshakeAddress: [ip, Number(port)],
  localAddress: [local, 0],
  serverName: session,
  password,
} as const;
await (name === session ? peer.initServer(init) : peer.initClient({ ...init, userName: name })).then(
  () => sendLine({ here: peer.port }),
  // It was told as an error.
  () => {},
);
