/**
 * Sends the operators' announcements to members under DTLS. Their clients belong to their games and can show a text. The
 * original clients speak clear text only, and ignore what their wire does not have.
 */
import { isDtls } from "#shared/net/local-port.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Contact, Wire } from "../protocols/wire.ts";
import type { Counters } from "./counters.ts";

type AnnouncementOutput = {
  readonly counters: Counters;
  readonly send: (via: number, to: Endpoint, bytes: Uint8Array) => void;
};

export function announceToMembers(
  text: string,
  wires: readonly Wire[],
  contacts: Iterable<Contact>,
  { counters, send }: AnnouncementOutput,
): void {
  const messages = new Map(wires.map(({ name, encodeAnnouncement }) => [name, encodeAnnouncement?.(text)]));
  for (const { wire, via, endpoint } of contacts) {
    const message = isDtls(via) ? messages.get(wire) : undefined;
    if (message === undefined) continue;
    counters.add("notices", "announcement");
    send(via, endpoint, message);
  }
}
