/** A player: an anonymous identity with one game's hub, which makes and joins lobbies. */
import { isIPv4 } from "node:net";
import { Observer } from "../connect/reflexive-probe.ts";
import { Hub } from "../api/hub-client.ts";
import { Seat, type SeatOptions } from "./membership.ts";
import type { Identity, Joined, Joining, NewLobby, Pending, QuickJoining, Sidecar } from "../api/types.ts";
import { AGAIN_MS, ADMISSION_MS } from "./limits.ts";

export type PlayerOptions = SeatOptions & {
  /** Like https://lobby.example.com */
  readonly url: string;
  readonly game?: string;
};

/** How to get into a lobby: by its id, by its join code, or into any that is like this. */
export type Where =
  | ({ readonly id: string } & Joining)
  | ({ readonly code: string; readonly id?: never } & Joining)
  | QuickJoining;

export class Player {
  readonly hub: Hub;
  /** Public; it grants nothing. */
  readonly id: string;
  readonly #options: SeatOptions;
  readonly #observer: Observer;
  #sidecars: readonly Sidecar[];
  readonly #seats = new Set<Seat>();

  private constructor(hub: Hub, { peer_id, udp_token, sidecars }: Identity, options: SeatOptions) {
    this.hub = hub;
    this.id = peer_id;
    this.#options = options;
    this.#sidecars = sidecars;
    this.#observer = new Observer(() => this.#sidecars.map((sidecar) => withAddress(sidecar, hub.url)), udp_token);
  }

  static async open({ url, game = "default", ...options }: PlayerOptions): Promise<Player> {
    const hub = new Hub(url, game);
    const player = new Player(hub, await hub.identify(), options);
    // What the router lets in is known long before it is needed, and nobody waits for it.
    void player.#observer.test().catch(() => {});
    return player;
  }

  host = async (said: NewLobby): Promise<Seat> => this.#seat(await this.hub.create(said));

  /** Where the host admits each one, it waits for him. */
  async join(where: Where): Promise<Seat> {
    const began = performance.now();
    for (;;) {
      const joined = await this.#ask(where);
      if (joined.status === "joined") return this.#seat(joined);
      if (performance.now() - began > ADMISSION_MS) throw new Error("nobody has admitted this player");
      await new Promise((done) => setTimeout(done, 4 * AGAIN_MS));
    }
  }

  /** Leaves every lobby. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#seats, (seat) => seat.leave()));
  }

  #ask(where: Where): Promise<Joined | Pending> {
    if ("id" in where && where.id !== undefined) {
      const { id, ...said } = where;
      return this.hub.join(id, said);
    }
    if ("code" in where && where.code !== undefined) return this.hub.joinByCode({ ...where, code: where.code });
    return this.hub.quickJoin(where);
  }

  /** From the moment when the hub tells what happens there. */
  async #seat(joined: Joined): Promise<Seat> {
    const seat = new Seat(this.hub, this.id, joined, this.#observer, this.#options);
    this.#seats.add(seat);
    seat.on("over", () => this.#seats.delete(seat));
    seat.on("opened", () => {
      // Sidecars come and go.
      void this.hub.sidecars().then(
        ({ sidecars }) => (this.#sidecars = sidecars),
        () => {},
      );
    });
    await new Promise<void>((done, failed) => {
      seat.once("opened", done);
      seat.once("over", (why) => failed(new Error(`the lobby is over: ${why}`)));
    });
    return seat;
  }
}

/** A sidecar that does not know its own address is where its hub is, if that is at a number: a house on one machine. */
function withAddress(sidecar: Sidecar, hub: string): Sidecar {
  if (sidecar.v4.length > 0 || sidecar.v6.length > 0) return sidecar;
  const host = new URL(hub).hostname.replace("localhost", "127.0.0.1");
  return isIPv4(host) ? { ...sidecar, v4: [host] } : sidecar;
}
