// @ts-check
/**
 * One lobby, live, as this browser may see it: what is told of it, what was said in it, and what one does there. It
 * goes on while the page shows something else, because an open socket is what keeps a seat.
 */
import { reasonOf, Refusal } from "./api.js";
import { Asking, pause } from "./poller.js";
import { forget, keepSeat } from "./storage.js";
import { Stream } from "./stream.js";

/** @typedef {import("./api.js").LobbyView} LobbyView */
/** @typedef {LobbyView["roster"][number]} Member */
/** @typedef {{ key: string, from: string | null, mine: boolean, text: string }} Line */

/** How often to ask where nothing is told; it is also the heartbeat. */
const ASK_MS = 4_000;
/** Lines of a conversation that are kept. */
const LINES_MAX = 200;

/** What the hub says of a lobby that is not there, and of what cannot be one's name. */
const GONE = new Set(["lobby_not_found", "not_found"]);

/** @type {Record<string, string>} */
const OVER = {
  closed: "The lobby is closed.",
  started: "The game has started, and the lobby is over.",
  timed_out: "The lobby's time is over.",
  banned: "The operators closed this lobby.",
  filtered: "This lobby is private now.",
  left: "You have left.",
  kicked: "The host removed you.",
};

/** @type {Record<string, string>} */
const WENT = { left: "left", disconnected: "was not heard any more", kicked: "was removed", banned: "was banned" };

export class Session {
  #api;
  #changed;
  #stream;
  /** The peer whose eyes see it. @type {string | null} */
  #eyes;
  #asking = new Asking();
  #count = 0;
  /** Names of those who were here, for what they said. @type {Map<string, string>} */
  #names = new Map();

  /** @type {LobbyView | null} */
  view = null;
  /** Why there is nothing to see any more. @type {string | null} */
  over = null;
  /** Until when the host may admit us. @type {number | null} */
  waits_until = null;
  /** Whether we had a seat, as far as we know. */
  seated = false;
  /** Whether it is told. */
  live = false;
  /** Whether it is asked for, and answered. */
  asked = false;
  /** What went wrong last, or right. */
  note = "";
  /** @type {Line[]} */
  lines = [];

  /** @param {import("./api.js").Api} api @param {string} id @param {() => void} changed @param {boolean} seated */
  constructor(api, id, changed, seated) {
    this.#api = api;
    this.id = id;
    this.#changed = changed;
    this.seated = seated;
    this.#eyes = api.me?.peer_id ?? null;
    this.#stream = new Stream(`${api.base}/events?lobby=${encodeURIComponent(id)}`, {
      token: () => api.me?.peer_token ?? null,
      topic: () => ({ topic: "lobby", id }),
      hear: (message) => this.#hear(message),
      live: (is) => this.#turn(is),
    });
  }

  /** Oneself among the members. */
  get me() {
    const mine = this.#api.me?.peer_id;
    return mine === undefined ? undefined : this.view?.roster.find(({ peer_id }) => peer_id === mine);
  }

  get path() {
    return `/lobbies/${encodeURIComponent(this.id)}`;
  }

  close() {
    this.#asking.stop();
    this.#stream.close();
  }

  // --- doing ---------------------------------------------------------------------------------------------------

  /** Throws where it is refused. @param {string} method @param {string} path below the lobby's @param {unknown} [body] */
  async ask(method, path, body) {
    const answer = await this.#api.act(method, `${this.path}${path}`, body);
    this.note = "";
    if (answer?.roster !== undefined) this.#see(answer);
    this.#changed();
  }

  /** Whether it was done; if not, `note` says why. @param {string} method @param {string} path @param {unknown} [body] */
  async act(method, path, body) {
    try {
      await this.ask(method, path, body);
      return true;
    } catch (error) {
      this.note = reasonOf(error);
      this.#changed();
      return false;
    }
  }

  /** @param {Record<string, unknown>} said */
  async join(said) {
    try {
      this.enter(await this.#api.act("POST", `${this.path}/members`, said));
    } catch (error) {
      this.note = reasonOf(error);
    }
    this.#changed();
  }

  /** The hub let us in, or the host must. @param {import("./api.js").Joined | import("./api.js").Pending} entry */
  enter(entry) {
    this.note = "";
    if (entry.status === "pending") this.waits_until = Date.parse(entry.expires_at);
    else {
      this.waits_until = null;
      this.#see(entry.lobby);
    }
    if (this.#eyes !== this.#api.me?.peer_id) {
      this.#eyes = this.#api.me?.peer_id ?? null;
      this.#stream.asAnother();
    }
    this.#changed();
  }

  async leave() {
    const mine = this.me?.peer_id ?? this.#api.me?.peer_id;
    const waits = this.waits_until !== null;
    if (!(await this.act("DELETE", `/${waits ? "applicants" : "members"}/${mine}`))) return;
    this.waits_until = null;
    if (!waits) this.#end("left");
    this.#changed();
  }

  // --- hearing -------------------------------------------------------------------------------------------------

  /** @param {import("./stream.js").Message} message */
  #hear({ type, data }) {
    if (this.over !== null) return;
    switch (type) {
      case "snapshot":
        this.#see(data.lobby);
        break;
      case "lobby.updated":
        // What was told may be older than what an answer said.
        if (data.lobby.revision >= (this.view?.revision ?? 0)) this.#see(data.lobby);
        break;
      case "lobby.removed":
        this.#end(data.reason, data.detail);
        break;
      case "member.joined":
      case "member.updated":
        this.#put(data.member, type === "member.joined");
        break;
      case "member.left":
        this.#remove(data);
        break;
      case "lobby.host_changed":
        this.#crown(data);
        break;
      case "chat":
        this.#line(data.from, data.text);
        break;
      case "member.applied":
        this.#line(null, "Somebody asks to be let in");
        break;
      case "member.admitted":
        this.waits_until = null;
        this.#stream.again();
        break;
      case "member.denied":
        this.waits_until = null;
        this.note = "The host turned you away.";
        break;
      case "error":
        if (data.problem.code === "lobby_not_found") this.#end("gone");
        // Whoever we were, the hub does not know us any more: it goes on with a stranger's eyes.
        else if (data.problem.code === "unauthorized") forget(this.#api.game);
        else this.note = data.problem.title;
    }
    this.#changed();
  }

  /** @param {LobbyView} view */
  #see(view) {
    this.view = view;
    for (const member of view.roster) this.#know(member);
    const is = this.me !== undefined;
    if (this.seated && !is) this.note = "Your seat was given up while you were away.";
    if (is) this.waits_until = null;
    this.seated = is;
    keepSeat(this.#api.game, this.id, is ? view.name : null);
  }

  /** @param {string} reason @param {string} [detail] what the host said */
  #end(reason, detail) {
    const says = OVER[reason] ?? "There is no such lobby, or it is over.";
    this.over = detail === undefined ? says : `${says} He says: ${detail}`;
    this.seated = false;
    keepSeat(this.#api.game, this.id, null);
    this.close();
    this.#changed();
  }

  /** @param {Member} member @param {boolean} isNew */
  #put(member, isNew) {
    this.#know(member);
    if (this.view === null) return;
    const roster = this.view.roster.filter((other) => keyOf(other) !== keyOf(member));
    const place = this.view.roster.findIndex((other) => keyOf(other) === keyOf(member));
    roster.splice(place < 0 ? roster.length : place, 0, member);
    this.#amend({ roster, members: roster.length });
    if (isNew && place < 0) this.#line(null, `${member.name} joined`);
  }

  /** @param {{ peer_id: string | null, name: string, state: string, detail?: string }} gone */
  #remove(gone) {
    if (this.view === null) return;
    const roster = this.view.roster.filter((other) => keyOf(other) !== keyOf(gone));
    this.#amend({ roster, members: roster.length });
    this.#line(
      null,
      `${gone.name} ${WENT[gone.state] ?? "left"}${gone.detail === undefined ? "" : `: ${gone.detail}`}`,
    );
  }

  /** @param {{ host: string | null, term: number, cause: string }} change */
  #crown({ host, term, cause }) {
    // Where members have no ids, what is told of the whole lobby says who hosts.
    if (this.view === null || (host === null && cause !== "vacant")) return;
    const roster = this.view.roster.map((member) => ({ ...member, host: host !== null && member.peer_id === host }));
    this.#amend({ host, term, roster });
    this.#line(null, host === null ? "Nobody hosts now" : `${this.#names.get(host) ?? "Somebody else"} hosts now`);
  }

  /** @param {Partial<LobbyView>} change */
  #amend(change) {
    if (this.view !== null) this.view = { ...this.view, ...change };
  }

  /** @param {Member} member */
  #know({ peer_id, name }) {
    if (peer_id !== null) this.#names.set(peer_id, name);
  }

  /** @param {string | null} from a peer, or nobody: then it is news @param {string} text */
  #line(from, text) {
    const title = from === null ? null : (this.#names.get(from) ?? from);
    const mine = from !== null && from === this.#api.me?.peer_id;
    this.lines = [...this.lines, { key: String(this.#count++), from: title, mine, text }].slice(-LINES_MAX);
  }

  // --- where nothing is told -------------------------------------------------------------------------------------

  /** @param {boolean} live */
  #turn(live) {
    this.live = live;
    if (live) this.#asking.stop();
    else this.#asking.start((over) => this.#askForEver(over));
    this.#changed();
  }

  /** @param {AbortSignal} over */
  async #askForEver(over) {
    while (!over.aborted && this.over === null) {
      try {
        const view = await this.#api.get(this.path, over);
        if (over.aborted) return;
        this.#see(view);
        this.asked = true;
        if (this.me !== undefined) await this.#api.act("POST", `${this.path}/heartbeat`);
      } catch (error) {
        if (over.aborted) return;
        this.asked = false;
        if (error instanceof Refusal && GONE.has(error.code)) this.#end("gone");
      }
      this.#changed();
      await pause(ASK_MS, over);
    }
  }
}

/** On wires without peer ids names are what tells members apart. @param {{ peer_id: string | null, name: string }} member */
export const keyOf = ({ peer_id, name }) => peer_id ?? `name ${name}`;
