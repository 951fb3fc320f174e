/** What happened how often, since the process began. Labels come from fixed sets, never from what a peer sent. */
export type CounterLabels = {
  /** Datagrams by what became of them. */
  datagrams: "answered" | "mirrored" | "renewed" | "reported" | "dropped";
  /** Why datagrams were dropped. */
  dropped: string;
  /** Reports by kind. */
  reports: string;
  /** Notices said to members, by kind, and refusals to askers. */
  notices: string;
  /** Lines that came over connections, by command; all that are none of ours are one. */
  commands: "register-host" | "connect" | "connect-relay" | "unknown" | "too_long";
  /** Connections by what became of them. */
  connections: "taken" | "refused" | "unread" | "error";
  /** Tunnels by what became of them. */
  tunnels: "taken" | "refused" | "error";
  /** Messages on links, by direction. */
  link_messages: "sent" | "received";
  /** Links that went up, went down, or failed to open. */
  links: "up" | "down" | "failed";
  /** Datagrams that came to ports of the relay and went nowhere, by reason. */
  relay_dropped: string;
  /** Allocations refused, by reason. */
  relay_refused: string;
  /** Allocations that ended, by reason. */
  relay_ended: string;
  /** Handshakes that began, with a client that had shown its cookie, and those that ended well. */
  dtls_handshakes: "started" | "completed";
  /** Why others failed, and why ClientHellos with a good cookie found no room. */
  dtls_failures: string;
  /** Why sessions ended. */
  dtls_endings: string;
  /** ClientHellos that were answered with a cookie. */
  dtls_greetings: "answered";
  /** Why records were dropped before any session saw them. */
  dtls_dropped: string;
  /** Errors of sockets that were survived. */
  socket_errors: string;
};

export class Counters {
  readonly #counts = new Map<keyof CounterLabels, Map<string, number>>();

  add<K extends keyof CounterLabels>(what: K, which: CounterLabels[K], times = 1): void {
    let counts = this.#counts.get(what);
    if (counts === undefined) this.#counts.set(what, (counts = new Map()));
    counts.set(which, (counts.get(which) ?? 0) + times);
  }

  get<K extends keyof CounterLabels>(what: K, which: CounterLabels[K]): number {
    return this.#counts.get(what)?.get(which) ?? 0;
  }

  entries(what: keyof CounterLabels): Iterable<[string, number]> {
    return this.#counts.get(what) ?? [];
  }
}
