/** Firefox and Chromium play in one lobby, with a real hub and a real coturn. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isBrowserMissing, isFirefoxMissing, launchFirefox } from "../support/browser.ts";
import { Coturn, isCoturnMissing } from "../support/coturn.ts";
import { GamePages } from "../support/game-page.ts";
import {
  connected,
  countedNumbers,
  countNumbers,
  enter,
  idOf,
  pathsBecome,
  sendNumbers,
} from "../support/player-page.ts";
import { NATIVE, TestStack } from "../support/test-stack.ts";

let stack: TestStack;
let turn: Coturn;
let firefox: GamePages;
let chromium: GamePages;

describe.skipIf(isBrowserMissing() || isFirefoxMissing() || isCoturnMissing())("Firefox and Chromium", () => {
  beforeAll(async () => {
    turn = await Coturn.open();
    stack = await TestStack.open({ hub: turn.settings, settings: NATIVE });
    [firefox, chromium] = await Promise.all([
      launchFirefox().then((browser) => GamePages.open(browser)),
      GamePages.open(),
    ]);
  });
  afterAll(async () => {
    await Promise.all([firefox?.close(), chromium?.close()]);
    await stack?.close();
    await turn?.close();
  });

  test.each([
    ["Firefox", "auto", "direct"],
    ["Chromium", "auto", "direct"],
    ["Chromium", "always", "relay"],
  ] as const)(
    "with %s as the host and relay %s, both have a %s path and exchange messages",
    async (host, relay, path) => {
      const [fox, other] = [await firefox.newPage(), await chromium.newPage()];
      const [first, second] = host === "Firefox" ? [fox, other] : [other, fox];
      await enter(second, stack.url, await enter(first, stack.url, null, { relay }));
      await Promise.all([connected(fox, 1), connected(other, 1)]);
      for (const page of [fox, other]) await pathsBecome(page, [path]);
      const [idOfFox, idOfOther] = [await idOf(fox), await idOf(other)];
      await Promise.all([countNumbers(fox, idOfOther), countNumbers(other, idOfFox)]);
      await Promise.all([sendNumbers(fox, idOfOther, 1_000), sendNumbers(other, idOfFox, 1_000)]);
      for (const page of [fox, other]) {
        const { inOrder, unreliable } = await countedNumbers(page, 1_000);
        expect(inOrder).toBe(true);
        expect(unreliable.length).toBeGreaterThan(0);
      }
    },
  );
});
