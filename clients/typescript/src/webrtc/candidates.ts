/** ICE candidates in descriptions and signals (RFC 8839): what a peer that reveals no address may send and accept. */

const CANDIDATE = /^(?:a=)?candidate:\S+ \d+ \S+ \d+ \S+ \d+ typ (\S+)/;
const RELATED = / raddr \S+ rport \d+/g;

/** Whether a description or candidate line names an endpoint that is not a relay's. */
export const revealsAddress = (text: string): boolean =>
  text.split(/\r?\n/).some((line) => (CANDIDATE.exec(line)?.[1] ?? "relay") !== "relay");

/** Without the address from which the relay was allocated. */
export const withoutRelated = (text: string): string => text.replaceAll(RELATED, " raddr 0.0.0.0 rport 0");
