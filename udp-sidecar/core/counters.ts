/**
 * Event counters since the process started; `/metrics` exports them. Labels come from fixed sets, never from a peer's
 * input.
 */
export type CounterLabels = {
  /** Datagrams by outcome. */
  datagrams: "answered" | "mirrored" | "renewed" | "reported" | "dropped";
  /** Dropped datagrams by reason. */
  dropped: string;
  /** Datagrams that were not sent, by reason. */
  unsent: "no_credit";
  /** Reports by kind. */
  reports: string;
  /** Notices sent to members, by kind. */
  notices: string;
  /** Lines received over TCP, by command of noray; all unknown ones share one label, and all of nohub have two. */
  commands: "register-host" | "connect" | "connect-relay" | "unknown" | "too_long" | "nohub" | "nohub_refused";
  /** Connections of noray and nohub by outcome. */
  connections: "taken" | "refused" | "idle" | "unread" | "error" | "no_source";
  /** Tunnels by outcome. */
  tunnels: "taken" | "refused" | "error" | "no_source";
  /** Messages on links, by direction. */
  link_messages: "sent" | "received";
  /** Links that opened, closed, or failed to open. */
  links: "up" | "down" | "failed" | "twin";
  /** Datagrams to relay ports that were dropped, by reason. */
  relay_dropped: string;
  /** Refused allocations, by reason. */
  relay_refused: string;
  /** Ended allocations, by reason. */
  relay_ended: string;
  /** Handshakes whose client returned a valid cookie, and completed handshakes. */
  dtls_handshakes: "started" | "completed";
  /** Failed handshakes, and ClientHellos with a valid cookie that were refused, by reason. */
  dtls_failures: string;
  /** Ended sessions, by reason. */
  dtls_endings: string;
  /** ClientHellos answered with a cookie. */
  dtls_greetings: "answered";
  /** Records dropped before they reached a session, by reason. */
  dtls_dropped: string;
  /** Socket errors, which never end the process. */
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
