/** The tests of a laboratory: each has a visit of its own, whose hosts end with it. */
import { test } from "vitest";
import type { Lab } from "./lab.ts";
import { Visit } from "./lab-players.ts";

export const visiting = (lab: () => Lab) =>
  test.extend<{ visit: Visit }>({
    // oxlint-disable-next-line no-empty-pattern
    visit: async ({}, use) => {
      const visit = new Visit(lab());
      await use(visit);
      await visit.end();
    },
  });
