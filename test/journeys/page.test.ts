/** The list of the lobby page in a real browser, with a real hub and lobbies that arrive over UDP. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Browser, Locator, Page, WebSocket } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  isBrowserMissing,
  DESKTOP,
  launch,
  PHONE,
  saveScreenshots,
  type BrowserPage,
  openPage,
} from "../support/browser.ts";
import { BreakableProxy } from "../support/breakable-proxy.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

const LIST = "**/v1/games/*/lobbies?*";
const TROUBLE = "The hub does not respond. Retrying…";
const ASKED = "Up to date, refreshed every 2 s";
/** Chromium's own message about a hub that is down. */
const UNREACHABLE =
  /Failed to load resource: net::ERR_(CONNECTION|EMPTY|SOCKET|INCOMPLETE|INTERNET)|WebSocket connection to/;

let stack: TestStack;
let browser: Browser;
const visits: BrowserPage[] = [];

describe.skipIf(isBrowserMissing())("the lobby page", () => {
  beforeAll(async () => {
    [stack, browser] = await Promise.all([TestStack.open(), launch()]);
  });
  afterEach(async () => {
    const complaints = visits.flatMap((visit) => visit.complaints);
    await Promise.all(visits.splice(0).map(({ page }) => page.context().close()));
    expect(complaints).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.close();
  });

  test("shows a lobby appear, fill, start and disappear without a reload", async () => {
    const page = await open("/");
    await page.locator("#empty").waitFor();
    expect(await page.locator("#count").textContent()).toBe("0 lobbies");

    const alice = await stack.player();
    const bob = await stack.player();
    await alice.request("h:Nice:Alice:4", /^i:/);
    alice.startPinging("Nice", "Alice");
    const nice = lobby(page, "Nice");
    await shows(nice, "1 of 4", "open", "rabid", "just now");
    expect(await page.locator("#count").textContent()).toBe("1 lobby");
    await page.evaluate("window.before = document.querySelector('tbody tr')");
    await page.evaluate("getSelection().selectAllChildren(document.querySelector('bdi'))");

    await bob.request("c:Nice:Bob", /^i:/);
    bob.startPinging("Nice", "Bob");
    await shows(nice, "2 of 4", "open");
    alice.send("s:Nice:Alice");
    await shows(nice, "2 of 4", "in game");
    expect(await page.evaluate("window.before === document.querySelector('tbody tr')")).toBe(true);
    expect(await page.evaluate("String(getSelection())")).toBe("Nice");

    alice.send("y:Nice:Alice");
    bob.send("y:Nice:Bob");
    await nice.waitFor({ state: "detached" });
    await page.locator("#empty").waitFor();
    for (const player of [alice, bob]) player.stopPinging();
  });

  test("distinguishes open, locked, full and started lobbies, on a desktop and on a phone", async () => {
    const desk = await open("/");
    const phone = await open("/", PHONE);
    const names = ["Open", "Locked", "Full", "Playing"];
    const hosts = await Promise.all(names.map(() => stack.player()));
    const guests = await Promise.all(names.map(() => stack.player()));
    await hosts[0]!.request("h:Open:Alice:12", /^i:/);
    await hosts[1]!.request("h:Locked:Alice:8:secret", /^i:/);
    await hosts[2]!.request("h:Full:Alice:2", /^i:/);
    await hosts[3]!.request("h:Playing:Alice:6", /^i:/);
    names.forEach((name, at) => hosts[at]!.startPinging(name, "Alice"));
    await guests[2]!.request("c:Full:Bob", /^i:/);
    await guests[3]!.request("c:Playing:Bob", /^i:/);
    for (const at of [2, 3]) guests[at]!.startPinging(names[at]!, "Bob");
    hosts[3]!.send("s:Playing:Alice");

    for (const page of [desk, phone]) {
      await shows(lobby(page, "Playing"), "2 of 6", "in game");
      await shows(lobby(page, "Full"), "2 of 2", "full");
      await shows(lobby(page, "Open"), "1 of 12", "open");
      await shows(lobby(page, "Locked"), "1 of 8", "open");
      expect(await lobby(page, "Locked").locator(".lock").isVisible()).toBe(true);
      expect(await lobby(page, "Open").locator(".lock").isVisible()).toBe(false);
      expect(await page.getByRole("img", { name: "Password required" }).count()).toBe(1);
      expect(await page.getByRole("row").count()).toBe(1 + names.length);
    }
    expect(await sidewaysScroll(phone)).toBe(0);
    await saveScreenshots(desk, "several-desk");
    await saveScreenshots(phone, "several-phone");
    for (const player of [...hosts, ...guests]) player.stopPinging();
  });

  test("says that the hub is down, and lists again when it is back", async () => {
    const alice = await stack.player();
    await alice.request("h:Steady:Alice:4", /^i:/);
    alice.startPinging("Steady", "Alice");
    const page = await open("/", DESKTOP, UNREACHABLE);
    const phone = await open("/", PHONE, UNREACHABLE);
    for (const each of [page, phone]) await lobby(each, "Steady").waitFor();
    const places = await Promise.all([page, phone].map((each) => lobby(each, "Steady").boundingBox()));

    await stack.killHub();
    for (const each of [page, phone]) await says(each, "#hub", TROUBLE);
    expect(await Promise.all([page, phone].map((each) => lobby(each, "Steady").boundingBox()))).toEqual(places);
    await saveScreenshots(page, "trouble-desk");
    await saveScreenshots(phone, "trouble-phone");

    await stack.startHub();
    for (const each of [page, phone]) await says(each, "#hub", "Live");
    await shows(lobby(page, "Steady"), "1 of 4", "open");
    await stack.waitUntilLinked();
    alice.stopPinging();
    alice.send("x:Steady:Alice");
    await lobby(page, "Steady").waitFor({ state: "detached" });
  });

  test("says that the network is down, and lists again when it is back", async () => {
    const cable = await BreakableProxy.open(stack.url);
    const origin = cable.url.replace("127.0.0.1", "parley.test");
    const page = await unopened(UNREACHABLE, PHONE, origin);
    await page.goto("/?game=quiet");
    await says(page, "#hub", "Live");
    await page.context().setOffline(true);
    cable.disconnect();
    await says(page, "#hub", "You are offline. Retrying…");
    await saveScreenshots(page, "offline-phone");
    await page.context().setOffline(false);
    cable.reconnect();
    await says(page, "#hub", "Live");
    cable.close();
  });

  test("waits as long as a rate limit demands, and says so", async () => {
    const page = await unopened(/status of 429/);
    await withoutSocket(page);
    let asked = 0;
    const title = "Too many requests; wait a little.";
    await page.route(LIST, (route) =>
      asked++ === 0
        ? route.fulfill({ status: 429, json: { code: "rate_limited", title, retry_after_s: 3 } })
        : route.fulfill({ json: { lobbies: [], next_cursor: null } }),
    );
    await page.goto("/");
    await says(page, "#hub", "Too many requests. Retrying in 3 s");
    await says(page, "#hub", ASKED);
  });

  test("gives up on a hub that accepts a request and never answers", async () => {
    const page = await unopened();
    let asked = 0;
    await page.route(LIST, (route) =>
      asked++ === 0 ? undefined : route.fulfill({ json: { lobbies: [], next_cursor: null } }),
    );
    await withoutSocket(page);
    await page.goto("/");
    await says(page, "#hub", TROUBLE);
    await says(page, "#hub", ASKED);
  });

  test("treats a malformed list as no answer", async () => {
    const page = await unopened(/status of 503/);
    let asked = 0;
    await page.route(LIST, (route) => {
      asked++;
      if (asked === 1) return route.fulfill({ contentType: "text/html", body: "<p>Please sign in to this network" });
      if (asked === 2) return route.fulfill({ status: 503, json: { code: "hub_unavailable" } });
      return route.fulfill({ json: { lobbies: [], next_cursor: null } });
    });
    await withoutSocket(page);
    await page.goto("/");
    await says(page, "#hub", TROUBLE);
    await says(page, "#hub", ASKED);
    expect(asked).toBeGreaterThanOrEqual(3);
  });

  test("shows any lobby name as text inside its cell", async () => {
    const names = [
      "<img src=x onerror=\"window.bitten = 'img'\">",
      "<script>window.bitten = 'script'</script>",
      "\u202Eseil gnihtyreve\u202D \u2066unclosed",
      "מסיבת שישי",
      `Z${"\u0351\u0352\u0357\u035B".repeat(30)}algo`,
      "W".repeat(128),
    ];
    const hostile = { wire: "<b>rabid</b>", state: "<i>in_game</i>", created_at: "<u>", member_count: 1e9, seats: 0 };
    const broken = [
      null,
      7,
      "lobby",
      { ...made("no name", 1), name: 5 },
      { ...made("no count", 2), member_count: "<b>" },
    ];
    const lobbies = [...names.map((name, at) => made(name, at)), { ...made("hostile", 99), ...hostile }, ...broken];
    for (const options of [DESKTOP, PHONE]) {
      const page = await unopened(undefined, options);
      await page.route(LIST, (route) => route.fulfill({ json: { lobbies, next_cursor: null } }));
      await withoutSocket(page);
      await page.goto("/");
      await says(page, "#count", `${names.length + 1} lobbies`);
      expect(await page.locator("tbody bdi").allTextContents()).toEqual(expect.arrayContaining(names));
      await shows(lobby(page, "hostile"), "1000000000 of 0", "<i>in game</i>", "<b>rabid</b>", "just now");
      expect(await page.evaluate("window.bitten ?? null")).toBeNull();
      expect(await page.locator("main :is(img, script, b, i, u)").count()).toBe(0);
      const isolated =
        "[...document.querySelectorAll('bdi')].every((name) => getComputedStyle(name).unicodeBidi === 'isolate')";
      expect(await page.evaluate(isolated)).toBe(true);
      expect(await sidewaysScroll(page)).toBe(0);
      await saveScreenshots(page, options === PHONE ? "hostile-phone" : "hostile-desk");
    }
  });

  test("shows a copyable address for a noray host, which the search finds", async () => {
    const uri = "noray://203.0.113.5:8890/zGTjQcKd3YmoIs5hhjLX9";
    const lobbies = [
      { ...made("Forest", 1), wire: "noray", seats: null, join: { wire: "noray", uri } },
      made("Other", 2),
    ];
    for (const options of [DESKTOP, PHONE]) {
      const page = await unopened(/status of 404/, options);
      await page.route(LIST, (route) => route.fulfill({ json: { lobbies, next_cursor: null } }));
      await withoutSocket(page);
      await page.goto("/");
      await shows(lobby(page, "Forest"), uri, "no limit");
      await page.locator("#code").fill(`${uri}X`);
      await page.locator("#code").press("Enter");
      await page.getByText("No listed lobby has this address.").waitFor();
      await page.locator("#search").fill(uri);
      expect(await page.locator("tbody bdi").allTextContents()).toEqual(["Forest"]);
      expect(await sidewaysScroll(page)).toBe(0);
      await saveScreenshots(page, options === PHONE ? "noray-phone" : "noray-desk");
      await page.locator("#code").fill(uri);
      await page.locator("#code").press("Enter");
      await page.waitForURL("**/?game=default&lobby=id-1");
    }
  });

  test("searches and sorts in the browser, and updates do not disturb typing", async () => {
    const page = await unopened();
    const lobbies = [made("Zürich 10", 3, 1, 2), made("zürich 9", 2, 1, 8), made("Athens", 1, 3, 4)];
    await page.route(LIST, (route) => route.fulfill({ json: { lobbies, next_cursor: null } }));
    await withoutSocket(page);
    await page.goto("/");
    const order = (): Promise<string[]> => page.locator("tbody bdi").allTextContents();
    await says(page, "#count", "3 lobbies");
    expect(await order()).toEqual(["Athens", "zürich 9", "Zürich 10"]);
    await page.locator("#sort").selectOption("name");
    expect(await order()).toEqual(["Athens", "zürich 9", "Zürich 10"]);
    await page.locator("#sort").selectOption("free");
    expect(await order()).toEqual(["zürich 9", "Athens", "Zürich 10"]);

    await page.locator("#search").pressSequentially("ZÜRI");
    expect(await page.locator("#count").textContent()).toBe("2 of 3 lobbies");
    lobbies.push(made("Zürichsee", 0, 1, 12));
    await says(page, "#count", "3 of 4 lobbies");
    expect(await order()).toEqual(["Zürichsee", "zürich 9", "Zürich 10"]);
    expect(await page.evaluate("document.activeElement.id")).toBe("search");
    expect(await page.locator("#search").inputValue()).toBe("ZÜRI");

    await page.locator("#search").fill("nowhere");
    await page.locator("#nomatch").waitFor();
    expect(await page.locator("#lobbies").isVisible()).toBe(false);
  });

  test("has one address per game, and explains how to start when the list is empty", async () => {
    const page = await open("/");
    await says(page, "#hub", "Live");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.id")).toBe("game");
    expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
    await page.keyboard.type("pong-2");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/?game=pong-2");
    expect(await page.title()).toBe("pong-2 · Parley");
    await page.locator("#empty").getByText("npm run send rabid h:Nice:Alice:4").waitFor();
    expect(await page.locator("#source").getAttribute("href")).toContain("/v1/games/pong-2/lobbies");
    await saveScreenshots(page, "empty-desk");
    await page.goBack();
    await eventually(
      () => page.locator("#game").inputValue(),
      (game) => game === "default",
    );

    const phone = await open("/?game=pong-2", PHONE);
    await phone.locator("#empty").waitFor();
    await saveScreenshots(phone, "empty-phone");
  });

  test("explains an invalid game name without a request to the hub", async () => {
    const page = await unopened();
    const asked = listRequests(page);
    await page.goto("/?game=..%2F..%2Fsecret");
    await page.locator("#hub", { hasText: "small letters, digits and hyphens" }).waitFor();
    expect(asked).toEqual([]);
  });

  test("reads at most five pages of a long list", async () => {
    const page = await unopened();
    const asked: (string | null)[] = [];
    await page.route(LIST, (route) => {
      const cursor = new URL(route.request().url()).searchParams.get("cursor");
      asked.push(cursor);
      const from = Number(cursor ?? 0);
      const lobbies = Array.from({ length: 100 }, (_, at) => made(`Lobby ${from + at}`, from + at));
      return route.fulfill({ json: { lobbies, next_cursor: String(from + 100) } });
    });
    await withoutSocket(page);
    await page.goto("/");
    await says(page, "#count", "500+ lobbies");
    expect(asked.slice(0, 5)).toEqual([null, "100", "200", "300", "400"]);
    expect(await page.locator("tbody tr").count()).toBe(500);
  });

  test("does not download an unchanged list again", async () => {
    const page = await unopened();
    const network = await page.context().newCDPSession(page);
    const statuses: number[] = [];
    network.on("Network.responseReceivedExtraInfo", ({ statusCode }) => statuses.push(statusCode));
    await network.send("Network.enable");
    await withoutSocket(page);
    await page.goto("/?game=quiet");
    await eventually(
      async () => statuses,
      (seen) => seen.includes(304),
    );
    await says(page, "#count", "0 lobbies");
  });

  test("sends no request and holds no subscription while it is hidden", async () => {
    const page = await unopened();
    const asked = listRequests(page);
    const sockets: WebSocket[] = [];
    page.on("websocket", (socket) => sockets.push(socket));
    await page.clock.install();
    await page.goto("/?game=quiet");
    await says(page, "#hub", "Live");
    await look(page, "hidden");
    await eventually(
      async () => sockets.map((socket) => socket.isClosed()),
      ([first]) => first === true,
    );
    await page.clock.runFor(60_000);
    expect([asked.length, sockets.length]).toEqual([0, 1]);
    await look(page, "visible");
    await eventually(
      async () => sockets.length,
      (now) => now === 2,
    );
    expect(asked).toEqual([]);
  });

  test("downloads less than 50 KB before the first list", async () => {
    const page = await unopened();
    const network = await page.context().newCDPSession(page);
    const sizes = new Map<string, number>();
    const paths = new Map<string, string>();
    network.on("Network.responseReceived", ({ requestId, response }) =>
      paths.set(requestId, new URL(response.url).pathname),
    );
    network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) =>
      sizes.set(requestId, encodedDataLength),
    );
    await network.send("Network.enable");
    await page.goto("/");
    await says(page, "#hub", "Live");
    const loaded = await eventually(
      async () => [...paths].filter(([, path]) => !path.startsWith("/v1/")),
      (own) => own.length > 0 && own.every(([id]) => sizes.has(id)),
    );
    const modules = [
      "app",
      ...["api", "event-stream", "poller"].map((name) => `api/${name}`),
      ...["filter-form", "lobby-list", "lobby-table"].map((name) => `list/${name}`),
      ...["dom", "storage"].map((name) => `util/${name}`),
    ].map((name) => `/${name}.js`);
    const styles = ["page", "list", "table"].map((name) => `/styles/${name}.css`);
    const expected = new Set(["/", ...modules, ...styles, "/icon.svg"]);
    expect(new Set(loaded.map(([, path]) => path))).toEqual(expected);
    expect(loaded.reduce((sum, [id]) => sum + sizes.get(id)!, 0)).toBeLessThan(50_000);
  });

  test("is served with a policy that allows its own origin only, here and on Cloudflare", async () => {
    const said = await readFile(resolve(import.meta.dirname, "../../worker/site/_headers"), "utf8");
    const rules = Array.from(
      said.matchAll(/^ {2}([A-Za-z-]+): (.+)$/gm),
      ([, name, value]) => [name!, value!] as const,
    );
    expect(rules.map(([name]) => name)).toContain("Content-Security-Policy");
    for (const path of ["/", "/app.js", "/list/lobby-list.js", "/styles/page.css"]) {
      const { headers } = await fetch(stack.url + path);
      for (const [name, value] of rules) expect([path, name, headers.get(name)]).toEqual([path, name, value]);
    }
    expect((await fetch(`${stack.url}/_headers`)).status).toBe(404);
  });
});

// --- helpers ---------------------------------------------------------------------------------------------------

async function open(path: string, options = DESKTOP, forgives?: RegExp): Promise<Page> {
  const page = await unopened(forgives, options);
  await page.goto(path);
  return page;
}

/** A page before its first navigation. `forgives`: errors that the test itself provokes. */
async function unopened(forgives?: RegExp, options = DESKTOP, origin = stack.url): Promise<Page> {
  const visit = await openPage(browser, origin, options);
  const kept = {
    page: visit.page,
    get complaints() {
      return visit.complaints.filter((line) => !forgives?.test(line));
    },
  };
  visits.push(kept);
  return visit.page;
}

const lobby = (page: Page, name: string): Locator =>
  page.locator("tbody tr").filter({ has: page.locator("bdi", { hasText: new RegExp(`^${name}$`) }) });

/** Waits until the row shows all of these texts at once. */
async function shows(row: Locator, ...texts: string[]): Promise<void> {
  await texts.reduce((found, text) => found.filter({ hasText: text }), row).waitFor();
}

const says = (page: Page, selector: string, text: string): Promise<void> =>
  page
    .locator(selector)
    .and(page.getByText(text, { exact: true }))
    .waitFor();

/** The number of pixels by which the page is wider than the viewport. */
const sidewaysScroll = (page: Page): Promise<number> =>
  page.evaluate<number>("Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)");

/** Blocks WebSockets like a proxy, so that the page polls. */
const withoutSocket = (page: Page): Promise<void> =>
  page.routeWebSocket(/\/events/, (socket) => void socket.close({ code: 1011 }));

/** The URLs of all lists requested from now on. */
function listRequests(page: Page): string[] {
  const asked: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/v1/")) asked.push(request.url());
  });
  return asked;
}

/** Headless pages are always visible; this sends the event of a hidden page. */
async function look(page: Page, state: "hidden" | "visible"): Promise<void> {
  await page.evaluate(`Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true })`);
  await page.evaluate(`document.dispatchEvent(new Event("visibilitychange"))`);
}

/** A lobby as the API returns it, created `minutes` ago. */
function made(name: string, minutes: number, members = 1, seats = 4): Record<string, unknown> {
  const created_at = new Date(Date.now() - minutes * 60_000).toISOString();
  const id = `id-${minutes}`;
  return {
    id,
    name,
    wire: "rabid",
    state: "open",
    member_count: members,
    join: { wire: "native" },
    seats,
    has_password: false,
    created_at,
    updated_at: created_at,
    joinable: true,
    approval: false,
    reachability: "udp",
    version: null,
    data: {},
    revision: 1,
  };
}
