/** Checks the main path of a game: two players with the TypeScript client, a lobby, and an introduction. */
import { ParleyClient, type Peer } from "../../clients/typescript/src/index.ts";
import { type Finding, fault, note, ok } from "./finding.ts";
import type { HubTarget } from "./hub.ts";

const CONNECT_MS = 10_000;
const RETRY_MS = 100;
const WORDS = Buffer.from("doctor");

export async function checkIntroduction({ url, game }: HubTarget): Promise<Finding> {
  const subject = "introduction";
  const clients: ParleyClient[] = [];
  try {
    for (let count = 0; count < 2; count++) clients.push(await ParleyClient.open({ url: url.origin, game }));
    const [ann, bob] = clients as [ParleyClient, ParleyClient];
    const hosted = await ann.host({ name: "doctor", seats: 2, visibility: "unlisted" });
    const connected = new Promise<Peer>((resolve) => hosted.once("peer", resolve));
    const joined = await bob.join({ id: hosted.lobby.id });
    const peer = await within(joined.connect(ann.id));
    const other = await within(connected);
    const received = new Promise((resolve) => other.once("datagram", resolve));
    const sending = setInterval(() => peer.send(WORDS), RETRY_MS);
    await within(received).finally(() => clearInterval(sending));
    const text = `two players of this machine met in a lobby, ${peer.path}: ${peer.why}`;
    if (peer.path === "direct") return ok(subject, text);
    return note(subject, text, "a firewall here may block UDP between local programs; players elsewhere may be direct");
  } catch (error) {
    const next = "see the hub's log and the findings above: a link, a clock or UDP is wrong";
    return fault(subject, `two players cannot meet in a lobby: ${(error as Error).message}`, next);
  } finally {
    await Promise.all(clients.map((client) => client.close().catch(() => {})));
  }
}

function within<T>(result: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`there is no path after ${CONNECT_MS / 1_000} s`)), CONNECT_MS);
  return Promise.race([result, promise]).finally(() => clearTimeout(timer));
}
