/**
 * Friends in a lobby, as Steam's games do it: handshakes and chat on channel 0, positions on channel 1, and the host's level
 * of 400 KiB on channel 2. Says a line of JSON for whatever happens; a line on stdin is chat, its end leaves.
 *
 *     node examples/steam-party.ts http://127.0.0.1:8787 Ann
 *     node examples/steam-party.ts http://127.0.0.1:8787 Bob +connect_lobby K7QP2M
 */
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { readInvitation } from "../src/steam/invitation.ts";
import { bytesToJson, jsonToBytes } from "../src/steam/json.ts";
import { SteamLobbies } from "../src/steam/lobbies.ts";
import { ChatRoomEnterResponse, LobbyType } from "../src/steam/steam-constants.ts";
import { Result, SendFlags } from "../src/messages/steam-constants.ts";

const [CHAT, POSITIONS, LEVEL] = [0, 1, 2];
const LEVEL_BYTES = 400 * 1_024;
const FRAME_MS = 50;
/** So many positions of one friend are news. */
const POSITIONS_TOLD = 20;

const [url = "http://127.0.0.1:8787", name = "Ann", ...words] = process.argv.slice(2);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const steam = await SteamLobbies.open({ url });
const invitation = readInvitation(words);
const lobby = invitation === null ? await host() : await join();
const messages = steam.messages(lobby);
const nameOf = (peer: string): string => steam.getFriendPersonaName(lobby, peer) || "somebody who left";
const isHost = (): boolean => steam.getLobbyOwner(lobby) === steam.getSteamID();

// Whoever is in the lobby may talk to us; anybody else learns nothing.
messages.on("sessionRequest", (peer) => void messages.acceptSessionWithUser(peer));
messages.on("sessionFailed", (reason, peer, state, debug) => say({ failed: nameOf(peer), reason, state, debug }));
steam.on("lobbyChatUpdate", (_, peer, __, state) => {
  say({ peer: state === 1 ? nameOf(peer) : (known.get(peer) ?? peer), state });
  // What he is no longer there to hear need not wait for him.
  if (state !== 1 && known.delete(peer)) messages.closeSessionWithUser(peer);
});
steam.on("lobbyOwnerChanged", (_, owner) => say({ owner: owner === null ? null : nameOf(owner), isMe: isHost() }));
steam.on("lobbyGameCreated", (_, server) => say({ game: server }));

const known = new Map<string, string>();
const level = Buffer.from(Array.from({ length: LEVEL_BYTES }, (_, at) => (at * 2_654_435_761) >>> 13));
const positions = new Map<string, number>();

say({ lobby, name, invitation: steam.getInvitation(lobby), owner: isHost() });
if (isHost()) await steam.setLobbyGameServer(lobby, steam.getSteamID());
// A handshake to everybody who is there already; who comes later shakes ours.
messages.sendMessageToLobby(jsonToBytes({ message: "handshake", from: name }), SendFlags.ReliableNoNagle, CHAT);

const frames = setInterval(frame, FRAME_MS);
createInterface({ input: process.stdin })
  .on("line", (text) =>
    messages.sendMessageToLobby(jsonToBytes({ message: "chat", text }), SendFlags.ReliableNoNagle, CHAT),
  )
  .on("close", () => void leave());

/** What a game does sixty times a second. */
function frame(): void {
  for (const { peer, payload } of messages.receiveMessagesOnChannel(CHAT, 100)) hear(peer, bytesToJson(payload));
  for (const { peer } of messages.receiveMessagesOnChannel(POSITIONS, 1_000)) {
    const count = (positions.get(peer) ?? 0) + 1;
    positions.set(peer, count);
    if (count === POSITIONS_TOLD) say({ moves: nameOf(peer), path: messages.getSessionConnectionInfo(peer).path });
  }
  for (const { peer, payload } of messages.receiveMessagesOnChannel(LEVEL, 10)) {
    say({
      level: payload.length,
      from: nameOf(peer),
      sha256: createHash("sha256").update(payload).digest("hex").slice(0, 12),
    });
  }
  const position = Buffer.alloc(8);
  position.writeFloatLE(performance.now() % 100);
  for (const peer of known.keys()) messages.sendMessageToUser(peer, position, SendFlags.UnreliableNoDelay, POSITIONS);
}

function hear(peer: string, said: ReturnType<typeof bytesToJson>): void {
  if (said === null) return say({ nonsense: nameOf(peer) });
  if (said["message"] === "chat") return say({ chat: said["text"], from: nameOf(peer) });
  if (said["message"] !== "handshake" || known.has(peer)) return;
  known.set(peer, nameOf(peer));
  say({ handshake: nameOf(peer) });
  messages.sendMessageToUser(peer, jsonToBytes({ message: "handshake", from: name }), SendFlags.ReliableNoNagle, CHAT);
  if (!isHost()) return;
  const result = messages.sendMessageToUser(peer, level, SendFlags.Reliable, LEVEL);
  if (result !== Result.OK) say({ levelRefused: result, to: nameOf(peer) });
}

async function host(): Promise<string> {
  return steam.createLobby(LobbyType.Public, 4, { name: `${name}'s`, memberName: name, data: { mode: "coop" } });
}

async function join(): Promise<string> {
  const response = await steam.joinInvitation(invitation!, { memberName: name });
  if (response !== ChatRoomEnterResponse.Success) throw new Error(`the lobby answers ${response}`);
  return steam.lobbies[0]!;
}

async function leave(): Promise<void> {
  clearInterval(frames);
  messages.close();
  await steam.close();
  say({ left: name });
  process.exit();
}
