/**
 * Stars: a game of 2 to 8 players. Each page sends its own position unreliably, twenty times a second. The host places the
 * star and counts, and sends both reliably; if it leaves, the next host continues from its own copy.
 */
import { type LobbyMembership, ParleyClient, type WebPeer } from "../../src/browser.ts";

type Point = { readonly x: number; readonly y: number };
type Round = { readonly star: Point; readonly scores: Readonly<Record<string, number>> };

const SEATS = 8;
const COLORS = ["#e6574c", "#4c9be6", "#5ec46a", "#e6b84c", "#b06be0", "#4cd0d0", "#e67fb8", "#c9d1d9"];
const PLAYER_PX = 14;
const STAR_PX = 9;
const SPEED_PX_PER_S = 260;
const SEND_MS = 50;
/** Channels of the messages. */
const [POSITION, ROUND] = [0, 1];
const KEYS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

const canvas = document.querySelector("canvas")!;
const context = canvas.getContext("2d")!;
const { width, height } = canvas;
const status = document.querySelector("#status")!;

const randomPoint = (): Point => ({
  x: 20 + Math.random() * (width - 40),
  y: 20 + Math.random() * (height - 40),
});

async function play(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const game = query.get("game") ?? "default";
  const player = await ParleyClient.open({ url: location.origin, game });
  const seat = await enter(player, game, query.get("lobby"));
  document.querySelector("a")!.href = `?${new URLSearchParams({ game, lobby: seat.lobby.id })}`;
  new Game(player.id, seat).run();
}

/** A reloaded page gets its seat back. Otherwise joins the lobby that the address names, or any, or hosts one. */
async function enter(player: ParleyClient, game: string, lobby: string | null): Promise<LobbyMembership> {
  const [kept] = await player.resume();
  if (kept !== undefined) return kept;
  if (lobby !== null) return player.join({ id: lobby });
  const data = { demo: "stars", join_url: `${location.origin}/play/?game=${game}&lobby={id}` };
  const settings = { data, data_rules: { demo: { index: true } }, host_grace_s: 2, member_grace_s: 2 };
  return player.join({
    filter: { "data[demo]": "stars" },
    create_if_none: { name: "Stars", seats: SEATS, ...settings },
  });
}

class Game {
  readonly #me: string;
  readonly #seat: LobbyMembership;
  /** Where the players are, by peer id. */
  readonly #players = new Map<string, Point>();
  readonly #pressed = new Set<string>();
  #pointer: Point | null = null;
  #round: Round = { star: randomPoint(), scores: {} };
  #drawnAt = performance.now();

  constructor(me: string, seat: LobbyMembership) {
    this.#me = me;
    this.#seat = seat;
    this.#players.set(me, randomPoint());
  }

  run(): void {
    this.#seat.on("peer", (peer) => this.#add(peer));
    this.#seat.on("lobby", () => this.#showScores());
    this.#seat.on("over", (why) => (status.textContent = `The lobby has ended: ${why}`));
    addEventListener("keydown", (event) => {
      this.#pressed.add(event.key);
      // The arrow keys would scroll the page.
      if (event.key in KEYS) event.preventDefault();
    });
    addEventListener("keyup", ({ key }) => this.#pressed.delete(key));
    addEventListener("blur", () => this.#pressed.clear());
    const point = (event: PointerEvent): void => {
      const scale = width / canvas.clientWidth;
      if (event.buttons > 0) this.#pointer = { x: event.offsetX * scale, y: event.offsetY * scale };
    };
    canvas.addEventListener("pointerdown", point);
    canvas.addEventListener("pointermove", point);
    addEventListener("pointerup", () => (this.#pointer = null));
    setInterval(() => this.#send(this.#players.get(this.#me), POSITION), SEND_MS);
    this.#showScores();
    requestAnimationFrame((now) => this.#step(now));
  }

  get #isHost(): boolean {
    return this.#seat.lobby.host === this.#me;
  }

  #add(peer: WebPeer): void {
    peer.on("message", (bytes, channel) => this.#receive(peer.id, channel, decode(bytes)));
    peer.on("closed", () => {
      this.#players.delete(peer.id);
      this.#showScores();
    });
    if (this.#isHost) peer.send(encode(this.#round), { reliable: true, channel: ROUND });
  }

  #receive(from: string, channel: number, value: unknown): void {
    if (channel === POSITION && isPoint(value)) this.#move(from, value);
    // Only the host's word counts.
    if (channel !== ROUND || from !== this.#seat.lobby.host || !isRound(value)) return;
    this.#round = value;
    this.#showScores();
  }

  #send(value: unknown, channel: number): void {
    const message = encode(value);
    for (const peer of this.#seat.peers) peer.send(message, { reliable: channel === ROUND, channel });
  }

  /** Also in a hidden tab, which draws nothing: the host has to notice who reaches the star. */
  #move(id: string, { x, y }: Point): void {
    const isNew = !this.#players.has(id);
    this.#players.set(id, { x: Math.max(0, Math.min(width, x)), y: Math.max(0, Math.min(height, y)) });
    if (isNew) this.#showScores();
    const { star, scores } = this.#round;
    if (!this.#isHost || Math.hypot(star.x - x, star.y - y) > PLAYER_PX + STAR_PX) return;
    this.#round = { star: randomPoint(), scores: { ...scores, [id]: (scores[id] ?? 0) + 1 } };
    this.#send(this.#round, ROUND);
    this.#showScores();
  }

  #step(now: number): void {
    const distance = (Math.min(now - this.#drawnAt, 100) / 1_000) * SPEED_PX_PER_S;
    this.#drawnAt = now;
    const at = this.#players.get(this.#me)!;
    const way = this.#direction(at);
    const length = Math.hypot(way.x, way.y);
    const share = length === 0 ? 0 : distance / Math.max(length, this.#pointer === null ? 0 : distance);
    this.#move(this.#me, { x: at.x + way.x * share, y: at.y + way.y * share });
    this.#draw();
    requestAnimationFrame((next) => this.#step(next));
  }

  #direction(at: Point): Point {
    if (this.#pointer !== null) return { x: this.#pointer.x - at.x, y: this.#pointer.y - at.y };
    const ways = Array.from(this.#pressed, (key) => KEYS[key] ?? { x: 0, y: 0 });
    return { x: ways.reduce((sum, { x }) => sum + x, 0), y: ways.reduce((sum, { y }) => sum + y, 0) };
  }

  #draw(): void {
    context.clearRect(0, 0, width, height);
    drawDisc(this.#round.star, STAR_PX, "#ffffff");
    for (const [id, at] of this.#players) drawDisc(at, PLAYER_PX, this.#colorOf(id));
  }

  /** By the order of the members, which is the same on all pages. */
  #colorOf(id: string): string {
    const seat = this.#seat.lobby.members.findIndex(({ peer_id }) => peer_id === id);
    return COLORS[seat] ?? "#888888";
  }

  #showScores(): void {
    const items = Array.from(this.#players.keys(), (id) => {
      const item = document.createElement("li");
      const dot = document.createElement("b");
      dot.style.background = this.#colorOf(id);
      item.append(dot, `${id === this.#me ? "you" : "player"}: ${this.#round.scores[id] ?? 0}`);
      return item;
    });
    document.querySelector("#scores")!.replaceChildren(...items);
    const count = this.#players.size;
    status.textContent = count === 1 ? "Waiting for another player…" : `${count} players`;
  }
}

function drawDisc({ x, y }: Point, radius: number, color: string): void {
  context.fillStyle = color;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

// Messages come from other players' machines, so their form is checked.
function decode(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

function isPoint(value: unknown): value is Point {
  const { x, y } = (value ?? {}) as Partial<Point>;
  return Number.isFinite(x) && Number.isFinite(y);
}

function isRound(value: unknown): value is Round {
  const { star, scores = null } = (value ?? {}) as Partial<Round>;
  return isPoint(star) && scores !== null && Object.values(scores).every(Number.isFinite);
}

try {
  await play();
} catch (error) {
  status.textContent = error instanceof Error ? error.message : String(error);
}
