/**
 * trimsock, the framing of nohub: one command per line, with an optional id that pairs an answer with its request.
 *
 *     NAME DATA            a command              NAME?ID DATA     a request
 *     .ID DATA             its answer             !ID DATA         its error
 *     |ID DATA             an item of a stream    |ID              the end of the stream
 *     CR NAME SIZE LF SIZE bytes LF               a raw command; its bytes are skipped
 *
 * DATA is words that are separated by spaces. A quoted part of a word may contain spaces and line feeds. `KEY=VALUE` is a
 * pair, split at the first `=` that is not quoted. `\n`, `\r` and `\"` are escapes. Text is UTF-8.
 */
import { joinBytes } from "#shared/net/own-bytes.ts";

export type TrimsockCommand = {
  readonly name: string;
  /** The id of a request, which may be empty; null for a command that expects no answer. */
  readonly request: string | null;
  readonly params: readonly string[];
  /** In the order received; the last value of a key counts. */
  readonly pairs: ReadonlyMap<string, string>;
};

export type Separator = "." | "!" | "|" | "";

/** Splits a byte stream into commands. When more than `bytes_max` bytes wait, they are discarded. */
export class TrimsockReader {
  readonly #bytes_max: number;
  #buffer: Uint8Array = NOTHING;
  /** Where the search for the end of the line continues, and the state there. */
  #at = 0;
  #quoted = false;
  #escaped = false;
  /** Bytes of a raw command that are skipped. */
  #skip = 0;

  constructor(bytes_max: number) {
    this.#bytes_max = bytes_max;
  }

  /** The commands that end within these bytes; null stands for discarded bytes. */
  *read(bytes: Uint8Array): Generator<TrimsockCommand | null> {
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    // A copy, because the socket may reuse the bytes.
    this.#buffer = joinBytes(this.#buffer, bytes.subarray(skipped));
    for (let line = this.#nextLine(); line !== null; line = this.#nextLine()) {
      if (line.length > this.#bytes_max) {
        yield null;
        continue;
      }
      const text = Buffer.from(line).toString("utf8");
      if (text.startsWith("\r")) this.#skipRaw(text);
      if (text !== "") yield parseLine(text.replace(/^\r/, ""));
    }
    if (this.#buffer.length <= this.#bytes_max) return;
    this.#reset(NOTHING);
    yield null;
  }

  #nextLine(): Uint8Array | null {
    for (; this.#at < this.#buffer.length; this.#at++) {
      const byte = this.#buffer[this.#at];
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#quoted = !this.#quoted;
      else if (byte === LF && !this.#quoted) {
        const line = this.#buffer.subarray(0, this.#at);
        this.#reset(this.#buffer.subarray(this.#at + 1));
        return line;
      }
    }
    return null;
  }

  #reset(rest: Uint8Array): void {
    // Without a copy, an empty rest would keep all that was before it.
    this.#buffer = rest.length === 0 ? NOTHING : rest;
    this.#at = 0;
    this.#quoted = this.#escaped = false;
  }

  /** The bytes and the line feed after a raw command's line. */
  #skipRaw(text: string): void {
    const size = /^\r[^ ]* ([0-9]{1,9})$/.exec(text)?.[1];
    if (size === undefined) return;
    this.#skip = Number(size) + 1;
    const here = Math.min(this.#skip, this.#buffer.length);
    this.#skip -= here;
    this.#reset(this.#buffer.subarray(here));
  }
}

/** A line without its end. */
export function parseLine(line: string): TrimsockCommand {
  const [first, ...words] = splitWords(line);
  const head = first?.text ?? "";
  const mark = head.indexOf("?");
  const params: string[] = [];
  const pairs = new Map<string, string>();
  for (const { text, equals } of words) {
    if (equals === null) params.push(text);
    else pairs.set(text.slice(0, equals), text.slice(equals + 1));
  }
  return {
    name: mark === -1 ? head : head.slice(0, mark),
    request: mark === -1 ? null : head.slice(mark + 1),
    params,
    pairs,
  };
}

type Word = { readonly text: string; readonly equals: number | null };

/** The words with quotes and escapes resolved, and where the first `=` outside quotes is. */
function splitWords(line: string): Word[] {
  const words: Word[] = [];
  let text = "";
  let equals: number | null = null;
  let isOpen = false;
  let isQuoted = false;
  const finish = (): void => {
    if (isOpen) words.push({ text, equals });
    text = "";
    equals = null;
    isOpen = false;
  };
  for (let at = 0; at < line.length; at++) {
    const letter = line[at]!;
    if (letter === " " && !isQuoted) {
      finish();
      continue;
    }
    isOpen = true;
    if (letter === '"') isQuoted = !isQuoted;
    else if (letter === "\\" && at + 1 < line.length) text += unescape(line[++at]!);
    else {
      if (letter === "=" && !isQuoted && equals === null) equals = text.length;
      text += letter;
    }
  }
  finish();
  return words;
}

/** An unknown escape stands for itself. */
const unescape = (letter: string): string =>
  letter === "n" ? "\n" : letter === "r" ? "\r" : letter === '"' ? letter : `\\${letter}`;

/** A command as one line. Pairs follow the parameters. */
export function formatCommand(
  head: string,
  params: readonly string[] = [],
  pairs: Iterable<readonly [string, string]> = [],
): string {
  // The addon reads a parameter with an unquoted `=` as a pair.
  const words = params.map((word) => formatWord(word, / |=|^$/));
  for (const [key, value] of pairs) words.push(`${formatWord(key)}=${formatWord(value)}`);
  return words.length === 0 ? `${head}\n` : `${head} ${words.join(" ")}\n`;
}

/**
 * Quoted where a reader would split it. The format has no escape for a backslash: one before a quote, or at the end of a
 * word, would make the reader miss the end of the line. Such a backslash is left out.
 */
function formatWord(word: string, quoted = / /): string {
  const safe = word.replaceAll(/\\+(?=["\n\r]|$)/g, "").replaceAll('"', '\\"');
  return quoted.test(safe) ? `"${safe}"` : safe.replaceAll("\n", "\\n").replaceAll("\r", "\\r");
}

const LF = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NOTHING = new Uint8Array(0);
