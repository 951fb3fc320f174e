/** How each refusal appears on each wire: docs/reference/refusals.md compared with the encoders. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Report } from "#shared/link/messages.ts";
import { REFUSALS, type RefusalCode } from "#shared/refusals.ts";
import type { Wire } from "../../../udp-sidecar/protocols/wire.ts";
import { dowsett } from "../../../udp-sidecar/protocols/dowsett.ts";
import { native } from "../../../udp-sidecar/protocols/native.ts";
import * as noray from "../../../udp-sidecar/protocols/noray.ts";
import { rabid } from "../../../udp-sidecar/protocols/rabid.ts";
import { read } from "../../support/dowsett.ts";
import { hosts, joins } from "../support/reports.ts";

const CODES = Object.keys(REFUSALS) as RefusalCode[];
const PAGE = readFileSync(`${import.meta.dirname}/../../../docs/reference/refusals.md`, "utf8");

test("docs/reference/refusals.md has a row for every refusal, with the words of every wire", () => {
  const rows = CODES.map((code) =>
    [
      `| \`${code}\` | ${REFUSALS[code].status}`,
      String(REFUSALS[code].retry_after_s ?? ""),
      said(rabidWord(code)),
      said(dowsettWord(code)),
      `${said(norayWord(code))} |`,
    ].join(" | "),
  );
  expect(PAGE.split("\n").filter((line) => line.startsWith("| `"))).toStrictEqual(rows);
});

test("the native wire sends none of them, because the hub returns them over HTTP", () => {
  const wire = native({ verify: () => null, issueReceipt: () => null, endpointFrom: () => null });
  for (const code of CODES) expect(answers(wire, code)).toStrictEqual([]);
});

const said = (word: string | null): string => (word === null ? "" : `\`${word}\``);

/** To a host and to a joiner. */
const answers = (wire: Wire, code: RefusalCode): Uint8Array[] =>
  [hosts("Alice"), joins("Alice")].flatMap((asked: Report) => wire.encodeAnswer({ kind: "refused", code }, asked));

const only = (words: readonly string[]): string | null => {
  expect(new Set(words).size).toBeLessThan(2);
  return words[0] ?? null;
};

const rabidWord = (code: RefusalCode): string | null =>
  only(answers(rabid, code).map((bytes) => Buffer.from(bytes).toString()));

const dowsettWord = (code: RefusalCode): string | null =>
  only(answers(dowsett({ sharesLocal: true }), code).map((bytes) => String(read(bytes)["message"])));

/** A refusal without its own word is sent as if the hub could not be reached. */
function norayWord(code: RefusalCode): string | null {
  const line = noray.formatError(code).trimEnd();
  return line === noray.formatError("hub_unavailable").trimEnd() && code !== "hub_unavailable" ? null : line;
}
