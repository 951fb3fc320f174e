/** What attacks achieve: tests measure it, and `npm run attack` collects it into docs/operate/security.md. */
import type { TaskMeta } from "vitest";

export type AttackFigure = {
  /** The position in the table. */
  readonly order: number;
  readonly attack: string;
  /** What the attack achieved before the limits that this test is about. */
  readonly before: string;
  readonly after: string;
};

declare module "vitest" {
  interface TaskMeta {
    attacks?: AttackFigure[];
  }
}

/** Adds a row to the table, from a test that has measured or asserted `after`. */
export function recordFigure({ meta }: { readonly meta: TaskMeta }, figure: AttackFigure): void {
  (meta.attacks ??= []).push(figure);
}
