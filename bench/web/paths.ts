/**
 * Benchmarks paths of browsers: the time until two that meet have one, behind routers of several kinds, and how long their
 * messages pause when a tab is reloaded, a machine changes its network, or it slept. Each browser is a Chromium in a network
 * namespace.
 */
import type { Page } from "playwright-core";
import { BrowserLab, type LabBrowser } from "../../test/lab/browser-lab.ts";
import { isLabMissing } from "../../test/lab/lab-namespaces.ts";
import { isBrowserMissing } from "../../test/support/browser.ts";
import { isCoturnMissing } from "../../test/support/coturn.ts";
import { connected, enter, idOf, pathsOf, sendText, waitForText } from "../../test/support/player-page.ts";
import { currentBundle } from "../../tools/run/bundle.ts";
import { formatInteger, printTable, quantile } from "../measure.ts";

const TRIES = 5;
const EVERY_MS = 20;
/** The delay of each link in each direction: 80 ms for a round trip between two browsers. */
const WAY = { delay_ms: 20, movesPorts: true };

/** Prints a row for each event. Without browsers, coturn or namespaces it prints the reason instead. */
export async function benchWebPaths(): Promise<void> {
  if (isBrowserMissing() || isCoturnMissing() || isLabMissing()) return;
  const lab = await BrowserLab.open(await currentBundle());
  try {
    const kinds = ["port-restricted", "port-restricted", "symmetric", "symmetric", "blocked"] as const;
    const browsers = await Promise.all(kinds.map((kind) => lab.browser(kind, WAY)));
    const [ann, bob, amy, ben, cut] = browsers as [LabBrowser, LabBrowser, LabBrowser, LabBrowser, LabBrowser];
    const rows = [
      await measured("join, both port-restricted", () => meet(lab, ann, bob)),
      await measured("join, both symmetric", () => meet(lab, amy, ben)),
      await measured("join, one without UDP", () => meet(lab, cut, bob)),
      await measured("reload of a tab", () => reload(lab, ann, bob)),
      await measured("change of network", () => change(lab, ann, bob)),
      await measured("end of a sleep", () => wake(lab, ann, bob)),
    ];
    printTable([["browsers, 80 ms apart", "path", "p50 ms", "worst ms"], ...rows]);
    await Promise.all(browsers.map(({ pages }) => pages.close()));
  } finally {
    await lab.close();
  }
}

type Met = { readonly ann: Page; readonly bob: Page; readonly path: string; readonly ms: number };
type Result = Pick<Met, "path" | "ms">;

async function measured(label: string, run: () => Promise<Result>): Promise<string[]> {
  const results: Result[] = [];
  for (let time = 0; time < TRIES; time++) results.push(await run());
  const times = results.map(({ ms }) => ms);
  const paths = [...new Set(results.map(({ path }) => path))];
  return [label, paths.join(), formatInteger(quantile(times, 0.5)), formatInteger(Math.max(...times))];
}

/** From the request to join until both have a path. */
async function meet({ stack }: BrowserLab, one: LabBrowser, other: LabBrowser): Promise<Met> {
  await Promise.all([one.pages.closePages(), other.pages.closePages()]);
  const [ann, bob] = [await one.pages.newPage(), await other.pages.newPage()];
  const lobby = await enter(ann, stack.url, null);
  const began = performance.now();
  await enter(bob, stack.url, lobby);
  await Promise.all([connected(ann, 1), connected(bob, 1)]);
  return { ann, bob, path: String(await pathsOf(bob)), ms: performance.now() - began };
}

/** From the reload until the tab has its seat and a path again. */
async function reload(lab: BrowserLab, one: LabBrowser, other: LabBrowser): Promise<Result> {
  const { ann, bob, path } = await meet(lab, one, other);
  const began = performance.now();
  await ann.reload();
  await ann.waitForFunction("globalThis.ParleyClient !== undefined");
  await enter(ann, lab.stack.url, "resume");
  await Promise.all([connected(ann, 1), connected(bob, 1)]);
  return { path, ms: performance.now() - began };
}

/** The pause of the messages that are sent all the time. */
async function change(lab: BrowserLab, one: LabBrowser, other: LabBrowser): Promise<Result> {
  const { ann, bob, path } = await meet(lab, one, other);
  const home = await lab.lab.home("port-restricted", WAY);
  await bob.evaluate(
    `globalThis.arrivals = []; peers.get("${await idOf(ann)}").on("message", () => arrivals.push(performance.now()))`,
  );
  await ann.evaluate(`void setInterval(() => [...peers.values()][0].send(new Uint8Array(10)), ${EVERY_MS})`);
  await bob.waitForFunction("arrivals.length > 10");
  await lab.lab.move(one.host, home);
  await sendText(ann, "moved");
  await waitForText(bob, `${await idOf(ann)}:0:moved`);
  const ms = await bob.evaluate<number>("Math.max(...arrivals.slice(1).map((at, before) => at - arrivals[before]))");
  return { path, ms };
}

/** From the end of the sleep until a message of the sleeper arrives. The peer has missed it for seconds. */
async function wake(lab: BrowserLab, one: LabBrowser, other: LabBrowser): Promise<Result> {
  const { ann, bob, path } = await meet(lab, one, other);
  one.host.signal("SIGSTOP");
  await bob.waitForFunction("seat.peers[0].path === null");
  one.host.signal("SIGCONT");
  const began = performance.now();
  await sendText(ann, "awake");
  await waitForText(bob, `${await idOf(ann)}:0:awake`);
  return { path, ms: performance.now() - began };
}

if (import.meta.main) await benchWebPaths();
