/** One session alone with a clock, a server, and strangers that know its port. */
import type { RabidEvent } from "../../src/rabid/events.ts";
import type { Endpoint } from "../../src/util/addresses.ts";
import { RabidSession, type SessionSetup } from "../../src/rabid/session.ts";
import { text } from "./rabid.ts";

export const SERVER: Endpoint = { address: "198.51.100.1", port: 57_775 };
export const BOB: Endpoint = { address: "203.0.113.2", port: 5_002 };
export const START = "s:5001:Bob:203.0.113.2:5002";

export class SessionFixture {
  now = 0;
  readonly session: RabidSession;
  readonly sent: { at: number; line: string; to: Endpoint }[] = [];
  #read = 0;

  constructor(setup: Partial<SessionSetup> = {}) {
    this.session = new RabidSession({ server: SERVER, session: "Nice", name: "Alice", ...setup }, 0);
    this.#drain();
  }
  server(line: string): void {
    this.session.receive(Buffer.from(line), SERVER, this.now);
    this.#drain();
  }
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      this.#drain();
      const next = this.session.deadline() ?? Infinity;
      if (next > end) break;
      this.now = Math.max(this.now, next);
      this.session.wake(this.now);
    }
    this.now = end;
    this.#drain();
  }
  /** What was sent to the server since the last call. */
  sentToServer(): string[] {
    this.#drain();
    const since = this.sent.slice(this.#read).filter(({ to }) => to.address === SERVER.address);
    this.#read = this.sent.length;
    return since.map(({ line }) => line);
  }
  events(): RabidEvent[] {
    return this.session.takeEvents();
  }
  #drain(): void {
    this.session.wake(this.now);
    for (const { bytes, to } of this.session.takeDatagrams()) this.sent.push({ at: this.now, line: text(bytes), to });
  }
}

/** Alice as the host, with Bob in the session. Earlier messages and events are dropped. */
export function hosted(): SessionFixture {
  const one = new SessionFixture({ seats: 4 });
  one.server("i:Alice:Bob");
  one.sentToServer();
  one.events();
  return one;
}

export function started(): SessionFixture {
  const one = hosted();
  one.server(START);
  one.events();
  return one;
}
