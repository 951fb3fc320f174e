/**
 * Wire scripts for noray. Port 8890 is TCP, everything else is UDP (wire-script.ts describes the lines). Ids are
 * written by their owner:
 *
 *     A/8890> register-host        A's line over its connection
 *     A/8890< set-oid A
 *     A/8890< set-pid *A
 *     A> *A                        A's pid as a datagram
 *     A< OK
 *     B/8890> connect A
 *     B/8890< connect 192.0.2.1:5001
 *
 * A second host of one connection is A2, and so on; the ids of a host are unique.
 */
import { Rig } from "../../support/exchange.ts";
import { runScript, type LineCodec } from "./wire-script.ts";

export type NorayScript = {
  readonly rig: Rig;
  /** Continues the script. */
  readonly run: (text: string) => NorayScript;
  /** The id that stands for this word: `A`, `*A`. */
  readonly id: (word: string) => string;
};

export function norayScript(rig = new Rig({ wire: "noray" })): NorayScript {
  const ids = new Map<string, string>();
  const words = new Map<string, string>();
  const counts = new Map<string, number>();
  const name = (id: string, word: string): string => {
    ids.set(word, id);
    words.set(id, word);
    return word;
  };
  const tongue: LineCodec = {
    encode: (said) => said.replaceAll(/(?<=^| )\*?[A-Z]\d*(?= |$)/g, (word) => ids.get(word) ?? word),
    decode: ({ to, bytes }) => {
      const line = Buffer.from(bytes).toString("latin1");
      const [command, data = ""] = line.split(" ");
      if (command !== "set-oid" && command !== "set-pid") return line;
      const letter = String.fromCharCode(64 + (to.port % 1_000));
      const key = `${command} ${letter}`;
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      const owner = `${letter}${count === 1 ? "" : count}`;
      return `${command} ${words.get(data) ?? name(data, command === "set-oid" ? owner : `*${owner}`)}`;
    },
  };
  const told: NorayScript = {
    rig,
    run: (text) => {
      runScript(text, rig, tongue);
      return told;
    },
    id: (word) => ids.get(word)!,
  };
  return told;
}

/** A script in which these players have registered and been observed. */
export function registered(players: string, rig?: Rig): NorayScript {
  const begun = norayScript(rig);
  for (const player of players) {
    begun.run(`
      ${player}/8890> register-host
      ${player}/8890< set-oid ${player}
      ${player}/8890< set-pid *${player}
      ${player}> *${player}
      ${player}< OK
    `);
  }
  return begun;
}

/** A script in which A has registered at the home sidecar, and B at the other. */
export const registeredApart = (): NorayScript =>
  registered("A").run(`
    B/south/8890> register-host
    B/south/8890< set-oid B
    B/south/8890< set-pid *B
    B/south> *B
    B/south< OK
  `);
