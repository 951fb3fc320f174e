/**
 * A netfox game: `noray-peer.ts SERVER` hosts, `noray-peer.ts SERVER OID` joins, and with `relay` at the end only by relay.
 *
 *     prints { here: PORT, oid: OID }         once the registrar observed it
 *     prints { got: WAY, handshakes: [...] }  how a client connected, and its attempts in order
 *     prints { failed: WHY }
 */
import { NetfoxPlayer } from "../../support/netfox.ts";
import { onLine, sendLine } from "./json-lines.ts";

const [server, oid, first] = process.argv.slice(2) as [string, string?, "relay"?];

/** A new link may drop frames at first, and TCP gives up after that. */
const TRIES = 5;

onLine(() => {});
try {
  const player = await open(TRIES);
  if (oid === undefined) await player.host();
  sendLine({ here: player.noray.localPort, oid: player.oid });
  if (oid !== undefined) {
    const got = await player.join(oid, { first: first ?? "nat" });
    sendLine({ got, handshakes: player.handshakes });
  }
} catch (error) {
  sendLine({ failed: String(error) });
}

function open(tries: number): Promise<NetfoxPlayer> {
  return NetfoxPlayer.open(server).catch((error: NodeJS.ErrnoException) => {
    if (tries <= 1 || error.syscall !== "connect") throw error;
    return open(tries - 1);
  });
}
