/**
 * A game with the Dowsett client: `dowsett-peer.ts SERVER LOCAL-ADDRESS SESSION NAME [PASSWORD] [OPTIONS]`. If NAME is
 * the session's name it hosts, otherwise it joins. It sends a reliable greeting to every peer.
 *
 *     prints { here: PORT }                      it is registered or has joined; its local port
 *     prints { joined: NAME, address, port }     the endpoint used for that peer
 *     prints { heard: NAME, message }            a received greeting or message
 *     prints { dropped: NAME }, { ended: true }  a peer is gone; the session is over
 *     prints { failed: WHY }
 *     reads  { send: NAME, message }             says { confirmed: NAME, message }
 *     reads  { drop: NAME }, { quit: true }
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
  // The error event was printed already.
  () => {},
);
