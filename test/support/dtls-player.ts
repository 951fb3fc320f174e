/** A client with one socket for clear text and DTLS, which keeps both kinds of received messages apart. */
import { createSocket, type Socket } from "node:dgram";
import { DtlsTestClient, DtlsClientFactory } from "./dtls.ts";
import { eventually } from "./test-stack.ts";

/** OpenSSL retransmits only when it is polled. */
const LOOK_MS = 100;

export class DtlsPlayer {
  /** Received clear-text datagrams. */
  readonly clear: string[] = [];
  readonly #socket: Socket;
  readonly #server: number;
  readonly #clients: DtlsClientFactory;
  #client: DtlsTestClient;
  #looking: NodeJS.Timeout | null = null;
  #saying: NodeJS.Timeout | null = null;

  private constructor(socket: Socket, server: number, clients: DtlsClientFactory) {
    this.#socket = socket;
    this.#server = server;
    this.#clients = clients;
    this.#client = this.newClient();
    socket.on("error", () => {});
    socket.on("message", (bytes) => {
      if (bytes[0]! >= 20 && bytes[0]! <= 23) this.#send(this.#client.step(bytes));
      else this.clear.push(bytes.toString());
    });
  }

  static async open(server: number, port = 0): Promise<DtlsPlayer> {
    const clients = await DtlsClientFactory.load();
    const socket = createSocket("udp4");
    await new Promise<void>((done) => socket.bind(port, "127.0.0.1", done));
    return new DtlsPlayer(socket, server, clients);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** All messages received over DTLS in this session. */
  get received(): readonly string[] {
    return this.#client.received;
  }

  get state(): string {
    return this.#client.state;
  }

  get why(): string | undefined {
    return this.#client.why;
  }

  /** A new handshake from the same socket. */
  async connect(): Promise<void> {
    this.#client = this.newClient();
    this.#send(this.#client.step(null));
    this.#looking ??= setInterval(() => this.#send(this.#client.conversation.retransmit().datagrams), LOOK_MS);
    await eventually(
      () => Promise.resolve(this.state),
      (state) => state !== "shaking",
    );
    if (this.state !== "open") throw new Error(`no session: ${this.why}`);
  }

  send(text: string): void {
    this.#send([this.#client.encrypt(text)]);
  }

  sendClear(text: string | Uint8Array, to = this.#server): void {
    this.#socket.send(text, to, "127.0.0.1");
  }

  /** Repeats a DTLS message until a DTLS answer arrives; returns the answer. */
  async request(text: string, wanted: RegExp): Promise<string> {
    const from = this.received.length;
    this.send(text);
    const again = setInterval(() => this.send(text), 500);
    return this.waitFor(wanted, from).finally(() => clearInterval(again));
  }

  /** Repeats a DTLS message from now on while a session is open. */
  sendRepeatedly(text: string, every_ms = 400): void {
    this.#saying = setInterval(() => this.state === "open" && this.send(text), every_ms);
  }

  async waitFor(wanted: RegExp, from = 0): Promise<string> {
    const find = (): string | undefined => this.received.slice(from).find((line) => wanted.test(line));
    return (await eventually(
      () => Promise.resolve(find()),
      (line) => line !== undefined,
    ))!;
  }

  /** Closes the session; the socket stays open. */
  closeSession(): void {
    this.#send(this.#client.conversation.close());
  }

  close(): Promise<void> {
    for (const timer of [this.#looking, this.#saying]) if (timer !== null) clearInterval(timer);
    this.#client.conversation.free();
    return new Promise((done) => this.#socket.close(() => done()));
  }

  newClient(): DtlsTestClient {
    return new DtlsTestClient(this.#clients.create(), { address: "127.0.0.1", port: this.#server });
  }

  #send(datagrams: readonly Uint8Array[]): void {
    for (const datagram of datagrams) this.#socket.send(datagram, this.#server, "127.0.0.1");
  }
}
