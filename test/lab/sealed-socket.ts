/** The test's hand on a socket of the laboratory that has a DTLS session, and is a socket like any other beside it. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Host } from "./lab.ts";
import { Socket } from "./socket.ts";

export class SealedSocket extends Socket {
  /** With a session at this server. */
  static async connect(host: Host, server: Endpoint): Promise<SealedSocket> {
    const program = await host.run("sealed-socket.ts", [server.address, String(server.port)]);
    const socket = new SealedSocket(program, { address: host.address, port: program.lines[0]!["port"] as number });
    program.tell({ seal: true });
    await program.line((line) => line["sealed"] === true && !("heard" in line));
    return socket;
  }

  /** Says it under DTLS, again and again, until it is answered so; gives the answer. */
  async askSealed(text: string, wanted: RegExp): Promise<string> {
    const stop = this.keepSayingSealed(text);
    return this.hearsSealed(wanted).finally(stop);
  }

  /** Until the returned function is called. */
  keepSayingSealed(text: string, every_ms = 500): () => void {
    const tell = (): void => this.program.tell({ sealed: text });
    tell();
    const again = setInterval(tell, every_ms);
    void this.program.ended.then(() => clearInterval(again));
    return () => clearInterval(again);
  }

  async hearsSealed(wanted: RegExp): Promise<string> {
    const line = await this.program.line((one) => one["sealed"] === true && wanted.test(String(one["heard"])));
    return line["heard"] as string;
  }

  /** Ends the session, and nothing else. */
  bye(): void {
    this.program.tell({ bye: true });
  }
}
