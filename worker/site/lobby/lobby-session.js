// @ts-check
/**
 * One lobby, kept current through the event stream, with the commands of this browser's peer.
 *
 * A session stays open while the page shows something else, because its open socket keeps the peer's seat.
 */
import { errorText } from "../api/api.js";
import { EventStream } from "../api/event-stream.js";
import { Poller, sleep } from "../api/poller.js";
import { forgetGame, recordLobby } from "../util/storage.js";
import { endText, isGone, leaveText } from "./session-texts.js";

/** @typedef {import("../api/api.js").LobbyView} LobbyView */
/** @typedef {LobbyView["members"][number]} Member */
/** `from`: the sender's name; null for an event. @typedef {{ key: string, from: string | null, isMine: boolean, text: string }} Line */

/** The polling interval while the event stream is down. Each poll also sends the member's heartbeat. */
const POLL_MS = 4_000;
/** Chat lines that are kept. */
const LINES_MAX = 200;

export class LobbySession {
  #api;
  #onChange;
  #stream;
  /** The peer id whose token the event stream uses. @type {string | null} */
  #streamPeer;
  #poller = new Poller();
  #lineCount = 0;
  /** Names of current and former members, for their chat lines. @type {Map<string, string>} */
  #names = new Map();

  /** @type {LobbyView | null} */
  view = null;
  /** Why the lobby is no longer visible to this peer; null while it is. @type {string | null} */
  ended = null;
  /** While the host's approval is pending: when the request expires, in ms. @type {number | null} */
  pending_until = null;
  /** Whether this peer was a member in the last known state. */
  isMember = false;
  isLive = false;
  /** Whether the last poll succeeded. */
  isPolling = false;
  /** The error or notice for the player, or "". */
  note = "";
  /** @type {Line[]} */
  lines = [];

  /** @param {import("../api/api.js").Api} api @param {string} id @param {() => void} onChange @param {boolean} isMember */
  constructor(api, id, onChange, isMember) {
    this.#api = api;
    this.id = id;
    this.#onChange = onChange;
    this.isMember = isMember;
    this.#streamPeer = api.me?.peer_id ?? null;
    this.#stream = new EventStream(`${api.base}/events?lobby_id=${encodeURIComponent(id)}`, {
      token: () => api.me?.peer_token ?? null,
      topic: () => ({ topic: "lobby", lobby_id: id }),
      onMessage: (message) => this.#handleMessage(message),
      onLive: (isLive) => this.#setLive(isLive),
    });
  }

  /** This peer among the members. */
  get me() {
    const peer = this.#api.me?.peer_id;
    return peer === undefined ? undefined : this.view?.members.find(({ peer_id }) => peer_id === peer);
  }

  get path() {
    return `/lobbies/${encodeURIComponent(this.id)}`;
  }

  close() {
    this.#poller.stop();
    this.#stream.close();
  }

  // --- commands ------------------------------------------------------------------------------------------------

  /** Sends a command; rejects if the hub refuses it. @param {string} method @param {string} path below the lobby's @param {unknown} [body] */
  async requestOrThrow(method, path, body) {
    const response = await this.#api.send(method, `${this.path}${path}`, body);
    this.note = "";
    if (response?.members !== undefined) this.#setView(response);
    this.#onChange();
  }

  /** Sends a command. Resolves with false if it failed; `note` then says why. @param {string} method @param {string} path @param {unknown} [body] */
  async request(method, path, body) {
    try {
      await this.requestOrThrow(method, path, body);
      return true;
    } catch (error) {
      this.note = errorText(error);
      this.#onChange();
      return false;
    }
  }

  /** @param {Record<string, unknown>} body */
  async join(body) {
    try {
      this.enter(await this.#api.send("POST", `${this.path}/members`, body));
    } catch (error) {
      this.note = errorText(error);
    }
    this.#onChange();
  }

  /** Applies the hub's response to a join. @param {import("../api/api.js").Joined | import("../api/api.js").Pending} result */
  enter(result) {
    this.note = "";
    if (result.status === "pending") this.pending_until = Date.parse(result.expires_at);
    else {
      this.pending_until = null;
      this.#setView(result.lobby);
    }
    const peer = this.#api.me?.peer_id ?? null;
    if (this.#streamPeer !== peer) {
      this.#streamPeer = peer;
      this.#stream.reconnect();
    }
    this.#onChange();
  }

  async leave() {
    const peer = this.me?.peer_id ?? this.#api.me?.peer_id;
    const isPending = this.pending_until !== null;
    const left = isPending
      ? await this.request("POST", `/applicants/${peer}/withdraw`)
      : await this.request("DELETE", `/members/${peer}`);
    if (!left) return;
    this.pending_until = null;
    if (!isPending) this.#end("left");
    this.#onChange();
  }

  // --- events --------------------------------------------------------------------------------------------------

  /** @param {import("../api/event-stream.js").Message} message */
  #handleMessage({ type, data }) {
    if (this.ended !== null) return;
    switch (type) {
      case "snapshot":
        this.#setView(data.lobby);
        break;
      case "lobby.updated":
        // An event may be older than the response to this peer's last command.
        if (data.lobby.revision >= (this.view?.revision ?? 0)) this.#setView(data.lobby);
        break;
      case "lobby.removed":
        this.#end(data.cause, data.message);
        break;
      case "member.joined":
      case "member.updated":
        this.#upsertMember(data.member, type === "member.joined");
        break;
      case "member.left":
        this.#removeMember(data);
        break;
      case "lobby.host_changed":
        this.#setHost(data);
        break;
      case "chat":
        this.#addLine(data.from, data.text);
        break;
      case "member.applied":
        this.#addLine(null, "A player asks to join");
        break;
      case "member.admitted":
        this.pending_until = null;
        this.#stream.resubscribe();
        break;
      case "member.denied":
        this.pending_until = null;
        this.note = "The host declined your request.";
        break;
      case "error":
        this.#handleError(data.problem);
    }
    this.#onChange();
  }

  /** @param {{ code: string, title: string }} problem */
  #handleError({ code, title }) {
    if (code === "lobby_not_found") this.#end("gone");
    // The token is no longer valid: the session goes on as an anonymous subscriber.
    else if (code === "unauthorized") {
      forgetGame(this.#api.game);
      this.#updateSeat();
    } else this.note = title;
  }

  /** @param {LobbyView} view */
  #setView(view) {
    this.view = view;
    for (const member of view.members) this.#rememberName(member);
    this.#updateSeat();
  }

  /** Compares the seat with the view and the identity, of which either may have changed, and stores it for the next visit. */
  #updateSeat() {
    const isMember = this.me !== undefined;
    if (this.isMember && !isMember) this.note = "You lost your seat while you were away.";
    if (isMember) this.pending_until = null;
    this.isMember = isMember;
    if (this.view !== null) recordLobby(this.#api.game, this.id, isMember ? this.view.name : null);
  }

  /** @param {string} cause @param {string} [message] the host's */
  #end(cause, message) {
    const text = endText(cause);
    this.ended = message === undefined ? text : `${text} Reason: ${message}`;
    this.isMember = false;
    recordLobby(this.#api.game, this.id, null);
    this.close();
    this.#onChange();
  }

  /** @param {Member} member @param {boolean} hasJoined */
  #upsertMember(member, hasJoined) {
    this.#rememberName(member);
    if (this.view === null) return;
    const members = this.view.members.filter((other) => memberKey(other) !== memberKey(member));
    const place = this.view.members.findIndex((other) => memberKey(other) === memberKey(member));
    members.splice(place < 0 ? members.length : place, 0, member);
    this.#patchView({ members, member_count: members.length });
    this.#updateSeat(); // The event of this peer's own join may arrive before the response.
    if (hasJoined && place < 0) this.#addLine(null, `${member.name} joined`);
  }

  /** @param {{ peer_id: string | null, name: string, cause: string, message?: string }} member */
  #removeMember(member) {
    if (this.view === null) return;
    const members = this.view.members.filter((other) => memberKey(other) !== memberKey(member));
    this.#patchView({ members, member_count: members.length });
    const reason = member.message === undefined ? "" : `: ${member.message}`;
    this.#addLine(null, `${member.name} ${leaveText(member.cause)}${reason}`);
  }

  /** @param {{ host: string | null, term: number, cause: string }} change */
  #setHost({ host, term, cause }) {
    // On wires without peer ids the event names no host; the next lobby.updated does.
    if (this.view === null || (host === null && cause !== "vacant")) return;
    const members = this.view.members.map((member) => ({ ...member, host: host !== null && member.peer_id === host }));
    this.#patchView({ host, term, members });
    const name = host === null ? null : (this.#names.get(host) ?? "Another member");
    this.#addLine(null, name === null ? "The lobby has no host now" : `${name} is the host now`);
  }

  /** @param {Partial<LobbyView>} change */
  #patchView(change) {
    if (this.view !== null) this.view = { ...this.view, ...change };
  }

  /** @param {Member} member */
  #rememberName({ peer_id, name }) {
    if (peer_id !== null) this.#names.set(peer_id, name);
  }

  /** @param {string | null} sender a peer id, or null for an event @param {string} text */
  #addLine(sender, text) {
    const from = sender === null ? null : (this.#names.get(sender) ?? sender);
    const isMine = sender !== null && sender === this.#api.me?.peer_id;
    this.lines = [...this.lines, { key: String(this.#lineCount++), from, isMine, text }].slice(-LINES_MAX);
  }

  // --- polling -------------------------------------------------------------------------------------------------

  /** @param {boolean} isLive */
  #setLive(isLive) {
    this.isLive = isLive;
    if (isLive) this.#poller.stop();
    else this.#poller.start((signal) => this.#poll(signal));
    this.#onChange();
  }

  /** @param {AbortSignal} signal */
  async #poll(signal) {
    while (!signal.aborted && this.ended === null) {
      try {
        const view = await this.#api.get(this.path, signal);
        if (signal.aborted) return;
        this.#setView(view);
        this.isPolling = true;
        if (this.me !== undefined) await this.#api.send("POST", `${this.path}/heartbeat`);
      } catch (error) {
        if (signal.aborted) return;
        this.isPolling = false;
        if (isGone(error)) this.#end("gone");
      }
      this.#onChange();
      await sleep(POLL_MS, signal);
    }
  }
}

/** Identifies a member: by peer id, or by name on wires without peer ids. @param {{ peer_id: string | null, name: string }} member */
export const memberKey = ({ peer_id, name }) => peer_id ?? `name ${name}`;
