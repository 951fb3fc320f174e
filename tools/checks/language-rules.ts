/**
 * The words that comments, texts, docs and commit subjects of this project do not use, each with what to write instead.
 *
 * The list is short and without false positives on purpose: it catches relapses, and reviewers judge the rest.
 */

export type Rule = { readonly pattern: RegExp; readonly instead: string };

/** Commit subjects are checked from this time on; older ones were written before the rules. */
export const SUBJECTS_SINCE = "2026-11-30T15:00:00Z";

const NAME_THE_ACTOR = "name the actor: client, peer, host, hub, sidecar";
const PLAIN_WORDS = "use the plain word";

export const RULES: readonly Rule[] = [
  { pattern: /\b(whoever|whomever|whomsoever|whom|whosoever)\b/gi, instead: NAME_THE_ACTOR },
  { pattern: /\bsomebody\b/gi, instead: NAME_THE_ACTOR },
  { pattern: /\b(he|she|him|his|hers|himself|herself)\b/gi, instead: "it or they" },
  { pattern: /\banew\b/gi, instead: "again" },
  { pattern: /\b(whence|thence|whither|hither)\b/gi, instead: "from where, from there" },
  { pattern: /\bin vain\b/gi, instead: "without effect, or the failure itself" },
  { pattern: /\bfor ever\b/gi, instead: "forever, or without a limit" },
  { pattern: /\bat the most\b/gi, instead: "at most" },
  { pattern: /\b(all|nothing|nobody|none|everything|empty|alike|alone|same) but for\b/gi, instead: "except" },
  { pattern: /\bof (its|their|his|one's|our) own\b/gi, instead: "its own …, a separate …, or a dedicated …" },
  { pattern: /\b(thinks?|thought) better of\b/gi, instead: PLAIN_WORDS },
  {
    pattern: /\bas far as (it|they|we|he|the|a|this|that) (is|are|was|were|goes|knows?|can)\b/gi,
    instead: PLAIN_WORDS,
  },
  { pattern: /\band the like\b/gi, instead: "and others, or the list" },
  { pattern: /\b(is|are|was|were|be|been|being) told\b/gi, instead: "is notified, is sent, receives" },
  { pattern: /\b(house|houses)\b/gi, instead: "deployment, system, hub or test stack" },
  { pattern: /\bborne\b/gi, instead: PLAIN_WORDS },
  { pattern: /\b(grudge|begrudge)\b/gi, instead: PLAIN_WORDS },
  { pattern: /\bwhere nobody\b/gi, instead: "if no peer, if no client" },
];
