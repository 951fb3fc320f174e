/** The test's hand on a UDP socket that is on a host of the laboratory. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Host } from "./lab.ts";
import type { Line, Program } from "./program.ts";

export type ReceivedDatagram = { readonly text: string; readonly from: Endpoint };

export class LabSocket {
  /** Where it is on its own host. */
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

  /** Everything received so far, in order. */
  get received(): ReceivedDatagram[] {
    return this.program.lines.filter(inClear).map(toDatagram);
  }

  send(text: string, to: Endpoint): void {
    this.program.send({ say: text, ...to });
  }

  /** The first datagram received that is wanted, now or later; rejects with all that came instead. */
  async waitFor(wanted: string | RegExp, within_ms = 60_000): Promise<ReceivedDatagram> {
    const matches = ({ text }: ReceivedDatagram): boolean =>
      typeof wanted === "string" ? text === wanted : wanted.test(text);
    const line = await this.program.waitForLine((one) => inClear(one) && matches(toDatagram(one)), { within_ms });
    return toDatagram(line);
  }

  /** Says it, and says it again, until what is wanted has been heard. */
  async request(text: string, to: Endpoint, wanted: string | RegExp, every_ms = 200): Promise<ReceivedDatagram> {
    const stop = this.sendRepeatedly(text, [to], every_ms);
    return this.waitFor(wanted).finally(stop);
  }

  /** Says it until the other has heard it, at the endpoint that the other is known by; what it heard then. */
  async sendUntilReceived(other: LabSocket, text: string, at = other.local): Promise<ReceivedDatagram> {
    const stop = this.sendRepeatedly(text, [at], 200);
    return other.waitFor(text).finally(stop);
  }

  /** Until the returned function is called. */
  sendRepeatedly(text: string, to: readonly Endpoint[], every_ms = 50): () => void {
    const sayAll = (): void => to.forEach((one) => this.send(text, one));
    sayAll();
    const again = setInterval(sayAll, every_ms);
    // Not even where a test fails may it go on longer than the program that does it.
    void this.program.ended.then(() => clearInterval(again));
    return () => clearInterval(again);
  }
}

const inClear = (line: Line): boolean => "heard" in line && "port" in line;

function toDatagram(line: Line): ReceivedDatagram {
  const { heard, address, port } = line as { heard: string; address: string; port: number };
  return { text: heard, from: { address, port } };
}
