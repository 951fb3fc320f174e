/** A real browser for the journeys, and pages that record every error. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, firefox, type Page } from "playwright-core";

export const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const FIREFOX = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";
const SHOTS = resolve(import.meta.dirname, "../shots");
/** The page polls every 2 s, so this is many polls. */
const PATIENCE_MS = 60_000;

export const DESKTOP: BrowserContextOptions = { viewport: { width: 1200, height: 800 } };
export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};

/** If there is no browser, prints the reason and returns true, so that its tests are skipped; in CI it throws. */
export function isBrowserMissing(): boolean {
  if (existsSync(CHROMIUM)) return false;
  const reason = `no browser at ${CHROMIUM} (CHROMIUM names another)`;
  if (process.env["CI"]) throw new Error(reason);
  console.warn(`The journeys of the lobby page are skipped: ${reason}.`);
  return true;
}

/** The same for Firefox. */
export function isFirefoxMissing(): boolean {
  if (existsSync(FIREFOX)) return false;
  const reason = `no Firefox at ${FIREFOX} (FIREFOX names another)`;
  if (process.env["CI"]) throw new Error(reason);
  console.warn(`The journeys with Firefox are skipped: ${reason}.`);
  return true;
}

/** The distribution's Firefox, over WebDriver BiDi. It finds peers on this machine, where there may be only loopback. */
export const launchFirefox = (): Promise<Browser> =>
  firefox.launch({
    channel: "moz-firefox",
    executablePath: FIREFOX,
    firefoxUserPrefs: {
      "media.peerconnection.ice.loopback": true,
      "media.peerconnection.ice.obfuscate_host_addresses": false,
    },
  });

/** Without a sandbox, because test machines run as root, and without background requests. */
export function launch(more: readonly string[] = [], executablePath = CHROMIUM): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // A host name for the hub on this machine, so that the browser treats it as remote.
      "--host-resolver-rules=MAP parley.test 127.0.0.1",
      ...more,
    ],
  });
}

export type BrowserPage = {
  readonly page: Page;
  /** Console errors and warnings, exceptions, and requests to other origins, of which the page must cause none. */
  readonly complaints: string[];
};

/** A page in a new browser profile, before its first navigation. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = DESKTOP,
): Promise<BrowserPage> {
  const context = await browser.newContext({ ...options, baseURL: origin });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) complaints.push(`request: ${request.url()}`);
  });
  return { page, complaints };
}

/** Saves screenshots of the whole page in `test/shots/`, light and dark, for review. */
export async function saveScreenshots(page: Page, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.screenshot({ path: join(SHOTS, `${name}-${colorScheme}.png`), fullPage: true });
  }
}
