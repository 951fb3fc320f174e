/** The paths to one peer by kind, and the places where the relay and the tunnel are even without a recent answer. */
import { NUMBER_FIRST } from "./limits.ts";
import { createPath, type Path, type PathKind, type Place, samePlace } from "./paths.ts";

export class PathTable {
  readonly #random: () => number;
  readonly #paths = new Map<PathKind, Path>();
  readonly #configured = new Map<PathKind, Place | null>();
  #numbers = 0;

  /** `random`: from 0 to below 1, unpredictable for the peer. */
  constructor(random: () => number) {
    this.#random = random;
  }

  get(kind: PathKind): Path | undefined {
    return this.#paths.get(kind);
  }

  all(): Iterable<Path> {
    return this.#paths.values();
  }

  put(path: Path): void {
    this.#paths.set(path.kind, path);
  }

  delete(kind: PathKind): void {
    this.#paths.delete(kind);
  }

  /** Remembers where a relay or a tunnel is; null: it has ended. */
  configure(kind: PathKind, place: Place | null): void {
    this.#configured.set(kind, place);
  }

  configuredAt(place: Place): PathKind | undefined {
    return [...this.#configured].find(([, known]) => known !== null && samePlace(known, place))?.[0];
  }

  at(place: Place): Path | undefined {
    for (const path of this.#paths.values()) if (samePlace(path.place, place)) return path;
    return undefined;
  }

  hasAddress(address: string): boolean {
    return [...this.all()].some(({ place }) => place !== "tunnel" && place.to.address === address);
  }

  /** A new path, which is not in the table yet. */
  create(kind: PathKind, place: Place, now: number, rtt_ms: number | null): Path {
    const number = NUMBER_FIRST + (this.#numbers++ % (0x1_0000 - NUMBER_FIRST));
    const nonce = Math.floor(this.#random() * 2 ** 32);
    return createPath({ kind, place, number, nonce, rtt_ms }, now);
  }
}
