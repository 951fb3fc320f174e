/**
 * A peer without the library, written from docs/reference/wires/peer.md and native.md, connect.md and events.md alone:
 * `plain-peer.js HUB LOBBY`. It joins the lobby, connects to its host, and sends a datagram every 50 ms.
 *
 *     prints { path: "direct" | "relay" }   each path, once
 *     prints { received: TEXT }             each datagram of the host
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";

const [hub, lobby] = process.argv.slice(2);
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const socket = createSocket("udp4");
await new Promise((done) => socket.bind(0, done));
const localPort = socket.address().port;

// --- HTTP ------------------------------------------------------------------------------------------------------

let token = null;
async function request(method, path, json) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const options = { method, headers, body: JSON.stringify(json) };
  const response = await fetch(`${hub}/v1/games/default${path}`, options);
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}
const identity = await request("POST", "/peers");
token = identity.peer_token;
const joined = await request("POST", `/lobbies/${lobby}/members`, {});
const host = joined.lobby.host.peer_id ?? joined.lobby.host;

// --- the sealed datagram (peer.md) -----------------------------------------------------------------------------

let seal = null;
function createSeal({ key, epoch, role }) {
  const direction = (sender) => {
    const info = `parley pair v1 from ${sender} epoch ${epoch}`;
    const bytes = Buffer.from(hkdfSync("sha256", Buffer.from(key, "base64url"), "", info, 46));
    return { key: bytes.subarray(0, 32), mask: bytes.subarray(32, 44), route: bytes.readUInt16BE(44) };
  };
  const nonce = ({ mask }, counter) => {
    const out = Buffer.from(mask);
    out.writeUInt32BE((out.readUInt32BE(8) ^ counter) >>> 0, 8);
    return out;
  };
  const [mine, theirs] = [direction(role), direction(role === "a" ? "b" : "a")];
  const received = new Set();
  let counter = 0;
  return {
    seal(body) {
      const header = Buffer.from([0xd6, epoch, mine.route >> 8, mine.route & 255, 0, 0, 0, 0]);
      header.writeUInt32BE(counter, 4);
      const cipher = createCipheriv("aes-256-gcm", mine.key, nonce(mine, counter++));
      cipher.setAAD(header);
      return Buffer.concat([header, cipher.update(body), cipher.final(), cipher.getAuthTag()]);
    },
    open(bytes) {
      if (bytes.length < 24 || bytes[0] !== 0xd6 || bytes[1] !== epoch) return null;
      const at = bytes.readUInt32BE(4);
      if (bytes.readUInt16BE(2) !== theirs.route || received.has(at)) return null;
      const decipher = createDecipheriv("aes-256-gcm", theirs.key, nonce(theirs, at));
      decipher.setAAD(bytes.subarray(0, 8));
      decipher.setAuthTag(bytes.subarray(-16));
      try {
        const body = Buffer.concat([decipher.update(bytes.subarray(8, -16)), decipher.final()]);
        received.add(at);
        return body;
      } catch {
        return null;
      }
    },
  };
}

// --- ways: a remote endpoint each, with its number and proof -------------------------------------------------------

const ways = [];
let relay = null;
let chosen = null;
let isConfirmed = false;
let nominates = false;
const keyOf = ({ address, port }) => `${address} ${port}`;
function wayTo(endpoint) {
  const known = ways.find((way) => keyOf(way) === keyOf(endpoint));
  if (known) return known;
  const way = { address: endpoint.address, port: endpoint.port, proof: randomBytes(4).readUInt32BE(), isProved: false };
  ways.push(way);
  return way;
}
const send = (bytes, { address, port }) => socket.send(bytes, port, address);
function probe(way, flag = 0) {
  const body = Buffer.alloc(31);
  body[0] = 1;
  body[1] = flag;
  body.writeUInt16BE(ways.indexOf(way), 2);
  body.writeUInt32BE(way.proof, 4);
  body.writeUInt32BE(Math.floor(performance.now()), 8);
  send(seal.seal(body), way);
}
function answer(body, from) {
  const out = Buffer.alloc(19);
  body.copy(out, 0, 0, 12);
  out[0] = 2;
  out[12] = 4;
  out.writeUInt16BE(from.port, 13);
  for (const [at, byte] of from.address.split(".").entries()) out[15 + at] = Number(byte);
  send(seal.seal(out), from);
}
function choose(way) {
  if (chosen === way) return;
  chosen = way;
  print({ path: relay !== null && keyOf(way) === keyOf(relay) ? "relay" : "direct" });
  if (relay === null || keyOf(way) !== keyOf(relay)) void report("direct");
}
const report = (path) => request("PUT", `/connections/${connectionId}/outcome`, { path }).catch(() => {});

function onSealed(body, from) {
  const isRelay = relay !== null && keyOf(from) === keyOf(relay);
  if (body[0] === 0) return print({ received: body.subarray(1).toString() });
  const way = wayTo(from);
  if (body[0] === 1) {
    answer(body, from);
    if (!way.isProved) probe(way);
    // The other side nominates this way.
    if (body[1] === 1 && !nominates && !isRelay) way.isNominated = true;
  } else if (body[0] === 2) {
    const proved = ways[body.readUInt16BE(2)];
    if (proved === undefined || proved.proof !== body.readUInt32BE(4)) return;
    proved.isProved = true;
    if (nominates && !isRelay && !isConfirmed) {
      if (body[1] === 1) isConfirmed = true;
      else probe(proved, 1);
      choose(proved);
    }
  }
  if (way.isNominated && way.isProved) choose(way);
}

// --- the native wire: see and enter (native.md) --------------------------------------------------------------------

const waiting = new Map();
const ask = (to, ...words) =>
  new Promise((done) => {
    const word = randomBytes(6).toString("hex");
    const once = () => send(Buffer.from([...words, word].join(" ").padEnd(160)), to);
    const timers = [setInterval(once, 100), setTimeout(() => waiting.get(word)?.(null), 2_000)];
    waiting.set(word, (reply) => {
      timers.forEach(clearTimeout);
      waiting.delete(word);
      done(reply);
    });
    once();
  });
socket.on("message", (bytes, from) => {
  const body = seal?.open(bytes);
  if (body) return onSealed(body, from);
  const words = bytes.toString("latin1").trim().split(" ");
  waiting.get(words.at(-1))?.(words);
});

async function observe() {
  const [sidecar] = identity.sidecars;
  const address = sidecar.v4[0] ?? "127.0.0.1";
  const ports = sidecar.ports.filter(({ wires }) => wires.includes("native")).slice(0, 2);
  const looks = ports.map(async ({ port }) => {
    const at_ms = performance.now();
    const reply = await ask({ address, port }, "see", identity.udp_token);
    return { socket: 0, local_port: localPort, via: { address, port }, at_ms, receipt: reply[2] };
  });
  return { looks: await Promise.all(looks), local_endpoints: [], now_ms: performance.now(), rtt_ms: 5 };
}

async function enter({ address, port, ticket }) {
  const end = { address, port };
  const seen = await ask(end, "enter", ticket, "-");
  const entered = seen[0] === "entered" ? seen : await ask(end, "enter", ticket, seen[2]);
  if (entered[0] !== "entered") throw new Error(`the relay replied ${entered.join(" ")}`);
  relay = end;
  if (chosen === null) choose(wayTo(end));
  void report("relay");
}

// --- events (events.md, connect.md) --------------------------------------------------------------------------------

let connectionId = null;
let numbers = 0;
const events = new WebSocket(`${hub.replace(/^http/, "ws")}/v1/games/default/events?lobby_id=${lobby}`, ["parley.v1"]);
const tell = (type, data) => events.send(JSON.stringify({ type, seq: ++numbers, data }));
events.addEventListener("open", () => {
  tell("hello", { token });
  tell("subscribe", { topic: "lobby", lobby_id: lobby });
});
events.addEventListener("message", async ({ data: text }) => {
  if (text === "pong") return;
  const { type, data } = JSON.parse(text);
  if (type === "snapshot") tell("connect", { lobby_id: lobby, peer_id: host, reach: await observe() });
  if (data.connection_id !== undefined) connectionId = data.connection_id;
  if (type === "error" || type === "connect.failed") throw new Error(text);
  if (type === "connect.accepted") tell("accept", { connection_id: connectionId, reach: await observe() });
  if (type !== "connect.punch" && type !== "connect.relay") return;
  if (data.pair_key) seal ??= createSeal(data.pair_key);
  if (type === "connect.punch") {
    nominates = data.plan.nominates;
    const probeAll = () => data.plan.targets.forEach((target) => probe(wayTo(target)));
    for (const ms of [0, 20, 40, 90, 140, 190, 240, 290]) setTimeout(probeAll, data.start_in_ms + ms);
  }
  if (type === "connect.relay" && data.verdict === "relay") await enter(data.relay);
});
setInterval(() => events.readyState === 1 && events.send("ping"), 10_000);
setInterval(() => chosen && probe(chosen), 1_000);
setInterval(() => chosen && send(seal.seal(Buffer.from("\0a plain peer")), chosen), 50);
