/**
 * Friends in a lobby, as in Steam's games: handshakes and chat on channel 0, positions on channel 1, and the host's
 * level of 400 KiB on channel 2. Prints each event as a line of JSON. A line on stdin is chat; the end of stdin leaves.
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
import { explainFailures } from "./explain.ts";

const [CHAT, POSITIONS, LEVEL] = [0, 1, 2];
const LEVEL_BYTES = 400 * 1_024;
const FRAME_MS = 50;
/** The number of positions from one friend after which a line is printed. */
const POSITIONS_TOLD = 20;

const [url = "http://127.0.0.1:8787", name = "Ann", ...words] = process.argv.slice(2);
explainFailures("steam-party.ts [HUB [NAME [+connect_lobby CODE]]]");
const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const steam = await SteamLobbies.open({ url });
const invitation = readInvitation(words);
const lobby = invitation === null ? await host() : await join();
const messages = steam.messages(lobby);
const nameOf = (peer: string): string => steam.getFriendPersonaName(lobby, peer) || "a member that left";
const isHost = (): boolean => steam.getLobbyOwner(lobby) === steam.getSteamID();

// Members of the lobby may connect; other peers learn nothing.
messages.on("sessionRequest", (peer) => void messages.acceptSessionWithUser(peer));
messages.on("sessionFailed", (reason, peer, state, debug) => print({ failed: nameOf(peer), reason, state, debug }));
steam.on("lobbyChatUpdate", (_, peer, __, state) => {
  print({ peer: state === 1 ? nameOf(peer) : (known.get(peer) ?? peer), state });
  // Messages to a peer that left need not wait for it.
  if (state !== 1 && known.delete(peer)) messages.closeSessionWithUser(peer);
});
steam.on("lobbyOwnerChanged", (_, owner) => print({ owner: owner === null ? null : nameOf(owner), isMe: isHost() }));
steam.on("lobbyGameCreated", (_, server) => print({ game: server }));

const known = new Map<string, string>();
const level = Buffer.from(Array.from({ length: LEVEL_BYTES }, (_, at) => (at * 2_654_435_761) >>> 13));
const positions = new Map<string, number>();

print({ lobby, name, invitation: steam.getInvitation(lobby), owner: isHost() });
if (isHost()) await steam.setLobbyGameServer(lobby, steam.getSteamID());
// A handshake to every member. A later member sends its own.
messages.sendMessageToLobby(jsonToBytes({ message: "handshake", from: name }), SendFlags.ReliableNoNagle, CHAT);

const frames = setInterval(frame, FRAME_MS);
createInterface({ input: process.stdin })
  .on("line", (text) =>
    messages.sendMessageToLobby(jsonToBytes({ message: "chat", text }), SendFlags.ReliableNoNagle, CHAT),
  )
  .on("close", () => void leave());

/** A game does this once per frame. */
function frame(): void {
  for (const { peer, payload } of messages.receiveMessagesOnChannel(CHAT, 100)) handleChat(peer, bytesToJson(payload));
  for (const { peer } of messages.receiveMessagesOnChannel(POSITIONS, 1_000)) {
    const count = (positions.get(peer) ?? 0) + 1;
    positions.set(peer, count);
    if (count === POSITIONS_TOLD) print({ moves: nameOf(peer), path: messages.getSessionConnectionInfo(peer).path });
  }
  for (const { peer, payload } of messages.receiveMessagesOnChannel(LEVEL, 10)) {
    print({
      level: payload.length,
      from: nameOf(peer),
      sha256: createHash("sha256").update(payload).digest("hex").slice(0, 12),
    });
  }
  const position = Buffer.alloc(8);
  position.writeFloatLE(performance.now() % 100);
  for (const peer of known.keys()) messages.sendMessageToUser(peer, position, SendFlags.UnreliableNoDelay, POSITIONS);
}

function handleChat(peer: string, message: ReturnType<typeof bytesToJson>): void {
  if (message === null) return print({ nonsense: nameOf(peer) });
  if (message["message"] === "chat") return print({ chat: message["text"], from: nameOf(peer) });
  if (message["message"] !== "handshake" || known.has(peer)) return;
  known.set(peer, nameOf(peer));
  print({ handshake: nameOf(peer) });
  messages.sendMessageToUser(peer, jsonToBytes({ message: "handshake", from: name }), SendFlags.ReliableNoNagle, CHAT);
  if (!isHost()) return;
  const result = messages.sendMessageToUser(peer, level, SendFlags.Reliable, LEVEL);
  if (result !== Result.OK) print({ levelRefused: result, to: nameOf(peer) });
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
  print({ left: name });
  process.exit();
}
