/** A UDP socket that repeats itself until it is answered, and minds who answers: not only the one that was asked. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createSocket, type Socket } from "node:dgram";
import { formatEndpoint, type Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault } from "./finding.ts";

const AGAIN_MS = 400;
const WITHIN_MS = 4_000;
const [PORT_FIRST, PORT_LAST] = [20_000, 32_000];
const BIND_TRIES = 20;

export type Heard = { readonly bytes: Buffer; readonly text: string; readonly from: Endpoint };

export class Voice {
  readonly #socket: Socket;
  readonly #heard = new Set<(heard: Heard) => void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (bytes, { address, port }) => {
      const heard = { bytes, text: bytes.toString("utf8"), from: { address, port } };
      for (const hear of this.#heard) hear(heard);
    });
    // An unreachable port shows as an error; silence says the same.
    socket.on("error", () => {});
  }

  /**
   * On a port below those of relays: a doctor on the sidecar's own machine would be taken for a relay's port, to which
   * nothing is sent, because that would go round in circles.
   */
  static async open(to: string): Promise<Voice> {
    for (let tries = 1; ; tries++) {
      const port = randomInt(PORT_FIRST, PORT_LAST);
      try {
        return new Voice(await bound(to.includes(":") ? "udp6" : "udp4", port));
      } catch (error) {
        if (tries === BIND_TRIES) throw error;
      }
    }
  }

  get port(): number {
    return this.#socket.address().port;
  }

  say(what: string | Uint8Array, { address, port }: Endpoint): void {
    this.#socket.send(what, port, address);
  }

  /** Until the returned function is called. */
  keepSaying(what: string | Uint8Array, to: Endpoint): () => void {
    this.say(what, to);
    const again = setInterval(() => this.say(what, to), AGAIN_MS);
    return () => clearInterval(again);
  }

  /** The first that is wanted; null after some seconds. */
  ask(what: string | Uint8Array, to: Endpoint, wanted: (heard: Heard) => boolean): Promise<Heard | null> {
    const { promise, resolve } = Promise.withResolvers<Heard | null>();
    const hear = (heard: Heard): void => {
      if (wanted(heard)) resolve(heard);
    };
    this.#heard.add(hear);
    const stop = this.keepSaying(what, to);
    const late = setTimeout(() => resolve(null), WITHIN_MS);
    return promise.finally(() => {
      stop();
      clearTimeout(late);
      this.#heard.delete(hear);
    });
  }

  close(): void {
    this.#socket.close();
  }
}

async function bound(type: "udp4" | "udp6", port: number): Promise<Socket> {
  const socket = createSocket(type);
  socket.bind(port);
  await once(socket, "listening");
  return socket;
}

/** Null where the answer came from whom was asked. Anything else is thrown away by players' NATs and by their games. */
export function strayed(what: string, asked: Endpoint, { from }: Heard): Finding | null {
  const came = `asked at ${formatEndpoint(asked)}, it answers from ${formatEndpoint(from)}`;
  if (from.address !== asked.address) {
    return fault(what, `${came}: another address`, `set PARLEY_LISTEN to the very address that players use`);
  }
  if (from.port !== asked.port) {
    return fault(
      what,
      `${came}: a NAT in front of the sidecar rewrites its port numbers`,
      "give the sidecar an address of its own, or forward every port to the same number; no container network",
    );
  }
  return null;
}

/** How silence of a port is told. */
export const silent = (what: string, port: number, protocol: "UDP" | "TCP" = "UDP"): Finding =>
  fault(
    what,
    `${protocol} ${port} does not answer`,
    `let ${protocol} ${port} in, at the machine and at its provider: ` +
      "`node udp-sidecar/main.ts --firewall` prints the lines; and see that the sidecar runs",
  );
