/** A client of nohub over TCP, on this machine. */
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { eventually } from "./test-stack.ts";

/** One request at a time, as the addon sends them. */
export class NohubSocket {
  readonly #socket: Socket;
  #received = "";
  #requests = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => (this.#received += bytes.toString("utf8")));
    socket.on("error", () => {});
  }

  static async open(port: number): Promise<NohubSocket> {
    const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    return new NohubSocket(socket);
  }

  /** The answer without the request's id, up to the end of a list. */
  async request(name: string, data = ""): Promise<string> {
    const id = `q${String(++this.#requests).padStart(11, "0")}`;
    this.#received = "";
    this.#socket.write(`${name}?${id}${data === "" ? "" : ` ${data}`}\n`);
    const isComplete = (text: string): boolean => text.endsWith(`|${id}\n`) || /^[.!].*\n$/.test(text);
    const answer = await eventually(() => Promise.resolve(this.#received), isComplete);
    return answer.replaceAll(id, "");
  }

  close(): void {
    this.#socket.destroy();
  }
}
