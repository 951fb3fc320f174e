/**
 * Creates a lobby, waits for peers, and echoes each datagram on whichever path there is.
 *
 *     node examples/lobby-host.ts http://127.0.0.1:8787 Nice
 */
import { ParleyClient } from "../src/index.ts";
import { explainFailures } from "./explain.ts";

const [url = "http://127.0.0.1:8787", name = "Nice"] = process.argv.slice(2);
explainFailures("lobby-host.ts [HUB [NAME]]");

const client = await ParleyClient.open({ url });
const membership = await client.host({ name, seats: 8 });
process.stdout.write(`hosting ${membership.lobby.id}\n`);

membership.on("peer", (peer) => {
  process.stdout.write(`connected, ${peer.path}: ${peer.why}\n`);
  peer.on("datagram", (bytes) => {
    process.stdout.write(`received ${JSON.stringify(Buffer.from(bytes).toString())}\n`);
    peer.send(bytes);
  });
  peer.on("path", ({ path, why }) => process.stdout.write(`now ${path}: ${why}\n`));
  peer.on("closed", (why) => process.stdout.write(`gone: ${why}\n`));
});
process.once("SIGINT", () => void client.close().then(() => process.exit()));
