/**
 * Dialogues in noray's words. What goes over TCP goes through port 8890, everything else is UDP (udp-sidecar/dialogue.ts
 * says how lines are written); ids are written by whose they are:
 *
 *     A/8890> register-host        A's line over his connection
 *     A/8890< set-oid A
 *     A/8890< set-pid *A
 *     A> *A                        A's pid as a datagram
 *     A< OK
 *     B/8890> connect A
 *     B/8890< connect 192.0.2.1:5001
 *
 * A second host of one connection is A2, and so on; a host's ids never come twice.
 */
import { Rig } from "../../support/exchange.ts";
import { dialogue, type Tongue } from "./wire-script.ts";

export type Tale = {
  readonly rig: Rig;
  /** Plays on. */
  readonly tell: (text: string) => Tale;
  /** The id that stands for this word: `A`, `*A`. */
  readonly id: (word: string) => string;
};

export function tale(rig = new Rig({ wire: "noray" })): Tale {
  const ids = new Map<string, string>();
  const words = new Map<string, string>();
  const counts = new Map<string, number>();
  const name = (id: string, word: string): string => {
    ids.set(word, id);
    words.set(id, word);
    return word;
  };
  const tongue: Tongue = {
    say: (said) => said.replaceAll(/(?<=^| )\*?[A-Z]\d*(?= |$)/g, (word) => ids.get(word) ?? word),
    read: ({ to, bytes }) => {
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
  const told: Tale = {
    rig,
    tell: (text) => {
      dialogue(text, rig, tongue);
      return told;
    },
    id: (word) => ids.get(word)!,
  };
  return told;
}

/** A tale in which these players have registered and been seen. */
export function registered(players: string, rig?: Rig): Tale {
  const begun = tale(rig);
  for (const player of players) {
    begun.tell(`
      ${player}/8890> register-host
      ${player}/8890< set-oid ${player}
      ${player}/8890< set-pid *${player}
      ${player}> *${player}
      ${player}< OK
    `);
  }
  return begun;
}

/** A tale in which A has registered at home, and B at the other sidecar. */
export const registeredApart = (): Tale =>
  registered("A").tell(`
    B/south/8890> register-host
    B/south/8890< set-oid B
    B/south/8890< set-pid *B
    B/south> *B
    B/south< OK
  `);
