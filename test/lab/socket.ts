/** Controls a UDP socket on a host of the laboratory. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Host } from "./lab.ts";
import type { Line, Program } from "./program.ts";

export type ReceivedDatagram = { readonly text: string; readonly from: Endpoint };

export class LabSocket {
  /** The local endpoint. */
  readonly local: Endpoint;
  protected readonly program: Program;

  protected constructor(program: Program, local: Endpoint) {
    this.program = program;
    this.local = local;
  }

  static async open(host: Host, port = 0): Promise<LabSocket> {
    const program = await host.run("socket.ts", [String(port)]);
    return new LabSocket(program, { address: host.address, port: program.lines[0]!["port"] as number });
  }

  /** All datagrams received so far, in order. */
  get received(): ReceivedDatagram[] {
    return this.program.lines.filter(inClear).map(toDatagram);
  }

  send(text: string, to: Endpoint): void {
    this.program.send({ say: text, ...to });
  }

  /** The first matching datagram, received already or later; rejects with all that arrived instead. */
  async waitFor(wanted: string | RegExp, within_ms = 60_000): Promise<ReceivedDatagram> {
    const matches = ({ text }: ReceivedDatagram): boolean =>
      typeof wanted === "string" ? text === wanted : wanted.test(text);
    const line = await this.program.waitForLine((one) => inClear(one) && matches(toDatagram(one)), { within_ms });
    return toDatagram(line);
  }

  /** Repeats a datagram until a matching answer arrives. */
  async request(text: string, to: Endpoint, wanted: string | RegExp, every_ms = 200): Promise<ReceivedDatagram> {
    const stop = this.sendRepeatedly(text, [to], every_ms);
    return this.waitFor(wanted).finally(stop);
  }

  /** Repeats a datagram to this endpoint of the other socket until it arrives; resolves with it as received. */
  async sendUntilReceived(other: LabSocket, text: string, at = other.local): Promise<ReceivedDatagram> {
    const stop = this.sendRepeatedly(text, [at], 200);
    return other.waitFor(text).finally(stop);
  }

  /** Repeats until the returned function is called. */
  sendRepeatedly(text: string, to: readonly Endpoint[], every_ms = 50): () => void {
    const sayAll = (): void => to.forEach((one) => this.send(text, one));
    sayAll();
    const again = setInterval(sayAll, every_ms);
    // After a failed test the repetition still ends with the program.
    void this.program.ended.then(() => clearInterval(again));
    return () => clearInterval(again);
  }
}

const inClear = (line: Line): boolean => "heard" in line && "port" in line;

function toDatagram(line: Line): ReceivedDatagram {
  const { heard, address, port } = line as { heard: string; address: string; port: number };
  return { text: heard, from: { address, port } };
}
