/** What a check finds: one line, and where something is wrong the very next thing to do. */

export type Finding = {
  /** `fault`: players suffer. `note`: nobody does yet, or it could not be looked at. */
  readonly state: "ok" | "note" | "fault";
  /** What was looked at. */
  readonly what: string;
  readonly says: string;
  readonly next?: string;
};

export const ok = (what: string, says: string): Finding => ({ state: "ok", what, says });
export const note = (what: string, says: string, next?: string): Finding => ({
  state: "note",
  what,
  says,
  ...(next !== undefined && { next }),
});
export const fault = (what: string, says: string, next: string): Finding => ({ state: "fault", what, says, next });

export function line({ state, what, says, next }: Finding): string {
  const word = state === "fault" ? "FAULT" : state;
  return `${word.padEnd(6)} ${what}: ${says}${next === undefined ? "" : `\n       next: ${next}`}`;
}
