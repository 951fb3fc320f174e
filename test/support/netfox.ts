/**
 * The behaviour of netfox's addon towards a noray server, in TypeScript: its parser with its quirks, the registrar's
 * loop, both handshakes, and the bootstrapper's fallback to the relay. Two words replace ENet.
 *
 *     host     register_host, on_pid, register_remote, then an ENet server on the registered port, which on each command
 *              sends `$rwx` for 8 s to the address in the command
 *     client   the same, then connect_nat; handshakes from the registered port; if that fails, connect_relay;
 *              then ENet from the same port
 */
import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { EventEmitter, once } from "node:events";
import { createConnection, type Socket as Stream } from "node:net";
import { setTimeout as passes } from "node:timers/promises";

/** The addon's intervals: it polls once a frame and sends ten times a second for eight seconds. */
const FRAME_MS = 16;
const EVERY_MS = 100;
const TIMEOUT_MS = 8_000;
/** Roughly ENet's first retransmission of a connect, and when it gives up. */
const ENET_AGAIN_MS = 250;
const ENET_TIMEOUT_MS = 30_000;

export type Result = "OK" | "ERR_BUSY" | "ERR_TIMEOUT" | "FAILED";

type Signals = { command: [string, string]; pid: [string]; nat: [string, number]; relay: [string, number] };

/** `noray.gd` and `protocol-handler.gd`. */
export class NetfoxNoray extends EventEmitter<Signals> {
  oid = "";
  pid = "";
  localPort = -1;
  /** Every command, as the addon emits it. */
  readonly commands: [string, string][] = [];
  readonly #peer: Stream;
  readonly #address: string;
  readonly #polling: NodeJS.Timeout;
  #arrived = "";
  #buffer = "";

  private constructor(peer: Stream, address: string) {
    super();
    this.#peer = peer;
    this.#address = address;
    peer.on("data", (bytes) => (this.#arrived += bytes.toString("utf8")));
    // The addon neither reconnects nor emits an event.
    peer.on("error", () => {});
    this.#polling = setInterval(() => this.#process(), FRAME_MS);
  }

  static async connectToHost(host: string, port = 8_890): Promise<NetfoxNoray> {
    const { address } = await lookup(host, 4);
    const peer = createConnection({ host: address, port, noDelay: true });
    await once(peer, "connect");
    return new NetfoxNoray(peer, address);
  }

  /** Every example waits only for `on_pid`, then uses the oid. */
  async registerHost(): Promise<void> {
    const told = once(this, "pid");
    this.#peer.write("register-host\n");
    await told;
  }

  async registerRemote(port = 8_809): Promise<Result> {
    let result: Result = "ERR_TIMEOUT";
    const udp = await PacketPeer.bind(0);
    udp.setDest(this.#address, port);
    for (let left = TIMEOUT_MS; left > 0; left -= EVERY_MS) {
      udp.put(this.pid);
      for (let packet = udp.get(); packet !== undefined; packet = udp.get()) {
        result = packet === "OK" ? "OK" : "FAILED";
        if (result === "OK") this.localPort = udp.port;
        left = 0;
        break;
      }
      await passes(EVERY_MS);
    }
    await udp.close();
    return result;
  }

  connectNat(oid: string): void {
    this.#peer.write(`connect ${oid}\n`);
  }

  connectRelay(oid: string): void {
    this.#peer.write(`connect-relay ${oid}\n`);
  }

  close(): void {
    clearInterval(this.#polling);
    this.#peer.destroy();
  }

  #process(): void {
    this.#buffer += this.#arrived;
    this.#arrived = "";
    const end = this.#buffer.lastIndexOf("\n");
    if (end === -1) return;
    const lines = this.#buffer.slice(0, end).split("\n");
    this.#buffer = this.#buffer.slice(end + 1);
    for (const line of lines) {
      if (line === "") continue;
      const [command = "", parameter = ""] = line.split(" ");
      this.commands.push([command, parameter]);
      this.emit("command", command, parameter);
      this.#handle(command, parameter);
    }
  }

  #handle(command: string, data: string): void {
    if (command === "set-oid") this.oid = data;
    if (command === "set-pid") {
      this.pid = data;
      this.emit("pid", data);
    }
    if (command === "connect") {
      const parts = data.split(":");
      this.emit("nat", parts[0]!, toInt(parts[1] ?? ""));
    }
    if (command === "connect-relay") this.emit("relay", this.#address, toInt(data));
  }
}

/** Godot's `to_int`, which keeps only the digits. */
const toInt = (text: string): number => Number(/^[^0-9]*([0-9]*)/.exec(text)?.[1] ?? 0);

/** A `PacketPeerUDP`: it receives from any source even with a destination. */
class PacketPeer {
  readonly port: number;
  readonly #socket: Socket;
  readonly #arrived: string[] = [];
  #dest: [string, number] = ["", 0];

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on("error", () => {});
    socket.on("message", (bytes) => this.#arrived.push(bytes.toString("latin1")));
  }

  static async bind(port: number): Promise<PacketPeer> {
    return new PacketPeer(await bound(port));
  }

  setDest(address: string, port: number): void {
    this.#dest = [address, port];
  }

  put(packet: string): void {
    this.#socket.send(packet, this.#dest[1], this.#dest[0]);
  }

  get(): string | undefined {
    return this.#arrived.shift();
  }

  close(): Promise<void> {
    return new Promise((done) => this.#socket.close(() => done()));
  }
}

/** `packet-handshake.gd`, over a packet peer: the client's. */
export async function overPacketPeer(localPort: number, address: string, port: number): Promise<Result> {
  const peer = await PacketPeer.bind(localPort);
  peer.setDest(address, port);
  let result: Result = "ERR_TIMEOUT";
  let [read, shaken] = [false, false];
  for (let left = TIMEOUT_MS; left >= 0; left -= EVERY_MS) {
    for (let packet = peer.get(); packet !== undefined; packet = peer.get()) {
      read = true;
      if (packet.includes("r")) shaken = true;
      if (packet.includes("x") && shaken) {
        result = "OK";
        left = 0;
      }
    }
    peer.put(`$${read ? "r" : "-"}w${shaken ? "x" : "-"}`);
    await passes(EVERY_MS);
  }
  await peer.close();
  return read && !shaken ? "ERR_BUSY" : result;
}

/** A client or host of a netfox game. */
export class NetfoxPlayer {
  readonly noray: NetfoxNoray;
  /** Its connection attempts, in order: `nat OK`, `relay ERR_TIMEOUT` and so on. */
  readonly handshakes: string[] = [];
  #enet: Socket | null = null;
  #left = false;

  private constructor(noray: NetfoxNoray) {
    this.noray = noray;
  }

  /** Connected and registered, from a new port. */
  static async open(host: string, port?: number, registrar?: number): Promise<NetfoxPlayer> {
    const player = new NetfoxPlayer(await NetfoxNoray.connectToHost(host, port));
    await player.noray.registerHost();
    const result = await player.noray.registerRemote(registrar);
    if (result !== "OK") throw new Error(`register_remote: ${result}`);
    return player;
  }

  get oid(): string {
    return this.noray.oid;
  }

  /** An ENet server on the registered port. It ignores handshakes and answers the source of a connect. */
  async host(): Promise<void> {
    const enet = await bound(this.noray.localPort);
    this.#enet = enet;
    enet.on("error", () => {});
    enet.on("message", (bytes, from) => {
      if (bytes.toString() === "ENET-CONNECT") enet.send("ENET-VERIFY", from.port, from.address);
    });
    const blast = (address: string, port: number): void => void this.#blast(enet, address, port);
    this.noray.on("nat", blast).on("relay", blast);
  }

  /** Resolves with the way it connected, or with the last failure. */
  async join(oid: string, { first = "nat" }: { first?: "nat" | "relay" } = {}): Promise<"nat" | "relay" | Result> {
    for (const way of first === "nat" ? (["nat", "relay"] as const) : (["relay"] as const)) {
      const told = once(this.noray, way, { signal: AbortSignal.timeout(TIMEOUT_MS * 2) });
      if (way === "nat") this.noray.connectNat(oid);
      else this.noray.connectRelay(oid);
      const [address, port] = (await told) as [string, number];
      const result = await overPacketPeer(this.noray.localPort, address, port);
      this.handshakes.push(`${way} ${result}`);
      const isPromising = result === "OK" || result === "ERR_BUSY";
      if (isPromising && (await this.#connect(address, port))) return way;
    }
    return "FAILED";
  }

  /** Handles every datagram to the game's port. */
  get socket(): Socket {
    return this.#enet!;
  }

  close(): void {
    this.#left = true;
    this.noray.close();
    this.#enet?.close();
    this.#enet = null;
  }

  async #blast(enet: Socket, address: string, port: number): Promise<void> {
    for (let left = TIMEOUT_MS; left >= 0 && !this.#left; left -= EVERY_MS) {
      enet.send("$rwx", port, address);
      await passes(EVERY_MS);
    }
  }

  async #connect(address: string, port: number): Promise<boolean> {
    const enet = await bound(this.noray.localPort);
    this.#enet = enet;
    enet.on("error", () => {});
    const verified = new Promise<boolean>((done) => {
      enet.on("message", (bytes) => {
        if (bytes.toString() === "ENET-VERIFY") done(true);
      });
      setTimeout(() => done(false), ENET_TIMEOUT_MS).unref();
    });
    const asking = setInterval(() => enet.send("ENET-CONNECT", port, address), ENET_AGAIN_MS);
    enet.send("ENET-CONNECT", port, address);
    const isVerified = await verified;
    clearInterval(asking);
    if (isVerified) return true;
    this.#enet = null;
    await new Promise<void>((done) => enet.close(done));
    return false;
  }
}

async function bound(port: number): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(port);
  await once(socket, "listening");
  return socket;
}
