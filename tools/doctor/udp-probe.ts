/**
 * A UDP socket that repeats a request until it gets a response, from any source address.
 *
 * A response from another address than the requested one is a finding: NATs and games would drop it.
 */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createSocket, type Socket } from "node:dgram";
import { formatEndpoint, type Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault } from "./finding.ts";

const RETRY_MS = 400;
const TIMEOUT_MS = 4_000;
const [PORT_FIRST, PORT_LAST] = [20_000, 32_000];
const BIND_TRIES = 20;

export type Datagram = { readonly bytes: Buffer; readonly text: string; readonly from: Endpoint };

export class UdpProbe {
  readonly #socket: Socket;
  readonly #listeners = new Set<(datagram: Datagram) => void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (bytes, { address, port }) => {
      const datagram = { bytes, text: bytes.toString("utf8"), from: { address, port } };
      for (const listener of this.#listeners) listener(datagram);
    });
    // An unreachable port appears as an error here, and as a missing response in `request`.
    socket.on("error", () => {});
  }

  /**
   * Binds a port below the relay's range. On the sidecar's own machine, a port in that range would be taken for a relay
   * port, to which the sidecar sends nothing, to prevent forwarding loops.
   */
  static async open(to: string): Promise<UdpProbe> {
    for (let tries = 1; ; tries++) {
      const port = randomInt(PORT_FIRST, PORT_LAST);
      try {
        return new UdpProbe(await bindSocket(to.includes(":") ? "udp6" : "udp4", port));
      } catch (error) {
        if (tries === BIND_TRIES) throw error;
      }
    }
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(message: string | Uint8Array, { address, port }: Endpoint): void {
    this.#socket.send(message, port, address);
  }

  /** Sends until the returned function is called. */
  sendRepeatedly(message: string | Uint8Array, to: Endpoint): () => void {
    this.send(message, to);
    const timer = setInterval(() => this.send(message, to), RETRY_MS);
    return () => clearInterval(timer);
  }

  /** Resolves with the first datagram that `isResponse` accepts, or with null after the timeout. */
  request(
    message: string | Uint8Array,
    to: Endpoint,
    isResponse: (datagram: Datagram) => boolean,
  ): Promise<Datagram | null> {
    const { promise, resolve } = Promise.withResolvers<Datagram | null>();
    const listener = (datagram: Datagram): void => {
      if (isResponse(datagram)) resolve(datagram);
    };
    this.#listeners.add(listener);
    const stop = this.sendRepeatedly(message, to);
    const timer = setTimeout(() => resolve(null), TIMEOUT_MS);
    return promise.finally(() => {
      stop();
      clearTimeout(timer);
      this.#listeners.delete(listener);
    });
  }

  close(): void {
    this.#socket.close();
  }
}

async function bindSocket(type: "udp4" | "udp6", port: number): Promise<Socket> {
  const socket = createSocket(type);
  socket.bind(port);
  await once(socket, "listening");
  return socket;
}

/** The fault of a response from another endpoint than the requested one; null if they are the same. */
export function wrongSource(subject: string, requested: Endpoint, { from }: Datagram): Finding | null {
  const text = `${formatEndpoint(requested)} was asked and ${formatEndpoint(from)} responded`;
  if (from.address !== requested.address) {
    return fault(subject, `${text}: another address`, "set PARLEY_LISTEN to the address that players use");
  }
  if (from.port !== requested.port) {
    return fault(
      subject,
      `${text}: a NAT in front of the sidecar rewrites its port numbers`,
      "give the sidecar a public address, or forward every port to the same number; use no container network",
    );
  }
  return null;
}

export const noResponse = (subject: string, port: number, protocol: "UDP" | "TCP" = "UDP"): Finding =>
  fault(
    subject,
    `${protocol} ${port} does not respond`,
    `check that the sidecar runs, and open ${protocol} ${port} at the machine and at its provider: ` +
      "`node udp-sidecar/main.ts --firewall` prints the rules",
  );
