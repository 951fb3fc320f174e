/**
 * Joins a lobby, connects to its host, and sends a datagram until its echo arrives.
 *
 * On one machine the connection takes milliseconds; between two homes about two round trips. Where the routers allow no
 * direct path, or it takes longer to find, the first path is a relay, and `path` changes when a direct one is proved.
 *
 *     node examples/lobby-join.ts http://127.0.0.1:8787 LOBBY hello
 */
import { ParleyClient } from "../src/index.ts";
import { explainFailures } from "./explain.ts";

const [url = "http://127.0.0.1:8787", id = "", words = "hello"] = process.argv.slice(2);
explainFailures("lobby-join.ts HUB LOBBY [WORDS]; lobby-host.ts prints the LOBBY", id !== "");

const client = await ParleyClient.open({ url });
const membership = await client.join({ id });
const peer = await membership.connect(membership.lobby.host ?? "");
process.stdout.write(`connected to the host, ${peer.path}: ${peer.why}\n`);

// Datagrams may be lost, so it is sent repeatedly.
const sending = setInterval(() => peer.send(Buffer.from(words)), 100);
peer.once("datagram", (bytes) => {
  clearInterval(sending);
  process.stdout.write(`echo: ${JSON.stringify(Buffer.from(bytes).toString())}, ${peer.rtt_ms} ms\n`);
  void client.close();
});
