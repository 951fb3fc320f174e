/** A test function for a laboratory: each test has its own hosts, which end with the test. */
import { test } from "vitest";
import type { Lab } from "./lab.ts";
import { TestHosts } from "./lab-players.ts";

export const labTest = (lab: () => Lab) =>
  test.extend<{ visit: TestHosts }>({
    // oxlint-disable-next-line no-empty-pattern
    visit: async ({}, use) => {
      const visit = new TestHosts(lab());
      await use(visit);
      await visit.end();
    },
  });
