/** Controls a socket of the laboratory that has a DTLS session and can also send clear text. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Host } from "./lab.ts";
import { LabSocket } from "./socket.ts";

export class DtlsSocket extends LabSocket {
  /** Opens a session with this server. */
  static async connect(host: Host, server: Endpoint): Promise<DtlsSocket> {
    const program = await host.run("dtls-socket.ts", [server.address, String(server.port)]);
    const socket = new DtlsSocket(program, { address: host.address, port: program.lines[0]!["port"] as number });
    program.send({ seal: true });
    await program.waitForLine((line) => line["sealed"] === true && !("heard" in line));
    return socket;
  }

  /** Repeats a DTLS message until a DTLS answer arrives; returns the answer. */
  async requestSealed(text: string, wanted: RegExp): Promise<string> {
    const stop = this.sendSealedRepeatedly(text);
    return this.waitForSealed(wanted).finally(stop);
  }

  /** Repeats until the returned function is called. */
  sendSealedRepeatedly(text: string, every_ms = 500): () => void {
    const tell = (): void => this.program.send({ sealed: text });
    tell();
    const again = setInterval(tell, every_ms);
    void this.program.ended.then(() => clearInterval(again));
    return () => clearInterval(again);
  }

  async waitForSealed(wanted: RegExp): Promise<string> {
    const line = await this.program.waitForLine((one) => one["sealed"] === true && wanted.test(String(one["heard"])));
    return line["heard"] as string;
  }

  /** Closes the session; the socket stays open. */
  closeSession(): void {
    this.program.send({ bye: true });
  }
}
