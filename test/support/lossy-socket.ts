/**
 * What happens to datagrams of this process's own sockets on their way: loss, duplicates, reordering, and a NAT that
 * gives a socket another port. The sockets are real, and so is whoever is on the other side.
 *
 *     const weather = new Weather(seeded(7));
 *     weather.is({ loss: 0.3, duplicates: 0.2, delay_ms: 50 });
 *     await weather.moves(port);
 *     weather.clears();
 */
import { createSocket, type RemoteInfo, Socket } from "node:dgram";

export type Conditions = {
  /** Share of datagrams lost, on the way out and on the way in, each. */
  readonly loss?: number;
  /** Share of datagrams that leave twice. */
  readonly duplicates?: number;
  /** The longest that a datagram is held back; another one may overtake it. */
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
  /** Where sockets are, by their own port, that a NAT has given another one. */
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

  /** From now on the socket with this port is another one to everybody else, and what is sent to the old one is lost. */
  async movePort(port: number): Promise<void> {
    const outside = createSocket("udp4");
    await new Promise<void>((done) => outside.bind(0, "127.0.0.1", done));
    this.#moved.set(port, outside);
  }

  /** For good. */
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
      // It was closed while the datagram was on its way out: lost as well.
    }
  }

  #arrives(socket: Socket): boolean {
    return !this.#moved.has(socket.address().port) && this.#dice() >= this.#conditions.loss;
  }
}
