/**
 * A game with the Rabid client: `rabid-peer.ts SERVER SESSION NAME SEATS [host]`. The host starts when all seats are
 * taken. Then every peer greets every other one through the socket that the client releases.
 *
 *     prints { roster: NAMES }, { started: PORT }
 *     prints { met: [{ name, address, port }], missing: NAMES }
 *     prints { heard: NAME }                                          a greeting, received as a game datagram
 *     prints { failed: CODE }                                         the session has failed
 */
import { RabidPeer } from "../../../clients/typescript/src/rabid/peer.ts";
import { onLine, sendLine } from "./json-lines.ts";

/** The send interval of a typical game. */
const GREET_MS = 50;
const GREETING = /^hello from ([A-Za-z0-9]+)$/;

const [server, session, name, seatsText, role] = process.argv.slice(2) as [string, string, string, string, string?];
const seats = Number(seatsText);

onLine(() => {});
sendLine({ here: name });
try {
  const options = { server, session, name };
  const peer = await (role === "host" ? RabidPeer.host({ ...options, seats }) : RabidPeer.join(options));
  let asked = false;
  const look = (players: readonly string[]): void => {
    sendLine({ roster: players });
    if (role !== "host" || asked || players.length < seats) return;
    asked = true;
    peer.start().catch((error: unknown) => sendLine({ failed: String(error) }));
  };
  peer.on("roster", ({ players }) => look(players));
  peer.on("started", ({ ownPort }) => sendLine({ started: ownPort }));
  look(peer.players);
  await peer.whenMet();
  const { socket, peers, missing } = peer.detach();
  // A datagram that cannot be sent counts as lost.
  socket.on("error", () => {});
  socket.on("message", (bytes) => {
    const from = GREETING.exec(bytes.toString("utf8"))?.[1];
    if (from !== undefined) sendLine({ heard: from });
  });
  sendLine({ met: peers.map((one) => ({ name: one.name, ...one.endpoint })), missing });
  setInterval(() => {
    for (const { endpoint } of peers) socket.send(`hello from ${name}`, endpoint.port, endpoint.address);
  }, GREET_MS);
} catch (error) {
  sendLine({ failed: String(error) });
}
