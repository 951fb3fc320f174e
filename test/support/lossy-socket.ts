/**
 * Loss, duplicates, reordering and NAT rebinding for the sockets of this process. The sockets and their peers are
 * real.
 *
 *     const sockets = new LossySockets(seeded(7));
 *     sockets.setConditions({ loss: 0.3, duplicates: 0.2, delay_ms: 50 });
 *     await sockets.movePort(port);
 *     sockets.restore();
 */
import { createSocket, type RemoteInfo, Socket } from "node:dgram";

export type Conditions = {
  /** Share of datagrams lost, for sending and for receiving each. */
  readonly loss?: number;
  /** Share of datagrams sent twice. */
  readonly duplicates?: number;
  /** The longest delay of a datagram; another one may overtake it. */
  readonly delay_ms?: number;
};

const PERFECT: Required<Conditions> = { loss: 0, duplicates: 0, delay_ms: 0 };

type Send = (this: Socket, bytes: Uint8Array, port: number, address: string, sent?: () => void) => void;
type Emit = (this: Socket, event: string, ...rest: unknown[]) => boolean;
const real = {
  send: Reflect.get(Socket.prototype, "send") as Send,
  emit: Reflect.get(Socket.prototype, "emit") as Emit,
};

export class LossySockets {
  readonly #dice: () => number;
  #conditions = PERFECT;
  /** The external sockets of rebound ports, by local port. */
  readonly #moved = new Map<number, Socket>();

  constructor(dice: () => number) {
    this.#dice = dice;
    const [leaves, arrives] = [this.#leaves.bind(this), this.#arrives.bind(this)];
    const send: Send = function (bytes, port, address) {
      leaves(this, bytes, port, address);
    };
    const emit: Emit = function (event, ...rest) {
      return (event !== "message" || arrives(this)) && real.emit.call(this, event, ...rest);
    };
    Object.assign(Socket.prototype, { send, emit });
  }

  setConditions(conditions: Conditions): void {
    this.#conditions = { ...PERFECT, ...conditions };
  }

  /** Gives the socket with this port another external port; datagrams to the old one are lost. */
  async movePort(port: number): Promise<void> {
    const outside = createSocket("udp4");
    await new Promise<void>((done) => outside.bind(0, "127.0.0.1", done));
    this.#moved.set(port, outside);
  }

  /** Restores the unmodified socket functions. */
  restore(): void {
    Object.assign(Socket.prototype, real);
    for (const outside of this.#moved.values()) outside.close();
    this.#moved.clear();
  }

  #leaves(socket: Socket, bytes: Uint8Array, port: number, address: string): void {
    const { loss, duplicates, delay_ms } = this.#conditions;
    const copies = this.#dice() < duplicates ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#dice() < loss) continue;
      if (delay_ms === 0) this.#send(socket, bytes, port, address);
      else setTimeout(() => this.#send(socket, bytes, port, address), this.#dice() * delay_ms);
    }
  }

  #send(socket: Socket, bytes: Uint8Array, port: number, address: string): void {
    try {
      const outside = this.#moved.get(socket.address().port);
      if (outside !== undefined && outside.listenerCount("message") === 0) {
        outside.on("message", (answer: Uint8Array, from: RemoteInfo) =>
          real.emit.call(socket, "message", answer, from),
        );
      }
      real.send.call(outside ?? socket, bytes, port, address, () => {});
    } catch {
      // The socket was closed before the delayed datagram left, so it is lost.
    }
  }

  #arrives(socket: Socket): boolean {
    return !this.#moved.has(socket.address().port) && this.#dice() >= this.#conditions.loss;
  }
}
