/**
 * A peer of the client that returns every datagram to its sender. The argument is the folder of the client's sources, so
 * that an earlier version can be measured beside this one.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as PeerModule from "../../clients/typescript/src/connect/peer.ts";
import type { EchoIntroduction } from "../sealed-echo.ts";

const { Peer } = (await import(pathToFileURL(join(process.argv[2]!, "connect/peer.ts")).href)) as typeof PeerModule;
const ignore = (): void => {};
const handlers = { upgrade: ignore, punched: ignore, needsRelay: ignore, relaySilent: ignore, closed: ignore };
const peer = new Peer("load", handlers);
peer.on("datagram", (payload) => void peer.send(payload));
await peer.sockets.bind(0);
process.on("message", ({ plan, key }: EchoIntroduction) =>
  peer.startPunch(plan, { key: Buffer.from(key, "hex"), epoch: 0, role: "b" }, 0),
);
process.send!({ port: peer.sockets.port(0, "127.0.0.1") });
