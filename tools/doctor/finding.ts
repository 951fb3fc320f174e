/** The result of one check of the doctor: one line, and the next step if something is wrong. */

export type Finding = {
  /** `fault`: players are affected. `note`: they are not yet, or the check could not run. */
  readonly state: "ok" | "note" | "fault";
  /** The checked thing. */
  readonly subject: string;
  readonly text: string;
  readonly next?: string;
};

export const ok = (subject: string, text: string): Finding => ({ state: "ok", subject, text });
export const note = (subject: string, text: string, next?: string): Finding => ({
  state: "note",
  subject,
  text,
  ...(next !== undefined && { next }),
});
export const fault = (subject: string, text: string, next: string): Finding => ({
  state: "fault",
  subject,
  text,
  next,
});

/** Of a clock that is `skew_s` ahead of another one. */
export const formatSkew = (skew_s: number): string => `${Math.abs(skew_s)} s ${skew_s > 0 ? "ahead of" : "behind"}`;

export function formatFinding({ state, subject, text, next }: Finding): string {
  const label = state === "fault" ? "FAULT" : state;
  return `${label.padEnd(6)} ${subject}: ${text}${next === undefined ? "" : `\n       next: ${next}`}`;
}
