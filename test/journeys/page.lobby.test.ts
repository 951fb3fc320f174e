/**
 * Lobbies on the lobby page: several browsers create, find, join, chat in, moderate and leave them, with a real hub. No
 * page is reloaded unless the test does it.
 */
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
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
import { TestStack } from "../support/test-stack.ts";

/** The longest time until another browser shows a change. */
const SEEN_MS = 2_000;
/** Chromium's own messages about refused requests and a hub that is down. */
const EXPECTED = /Failed to load resource|WebSocket connection to/;

let stack: TestStack;
let browser: Browser;
const visits: BrowserPage[] = [];
let turn = 0;
/** The time that each change took. */
let seen_ms: number[] = [];

describe.skipIf(isBrowserMissing())("a lobby on the page", () => {
  beforeAll(async () => {
    [stack, browser] = await Promise.all([
      TestStack.open({ settings: { PARLEY_ADDRESSES: "203.0.113.5", PARLEY_REGION: "lab" } }),
      launch(),
    ]);
  });
  // Each test starts with an empty list.
  beforeEach(() => void turn++);
  afterEach(async () => {
    const complaints = visits.flatMap((visit) => visit.complaints.filter((line) => !EXPECTED.test(line)));
    await Promise.all(visits.splice(0).map(({ page }) => page.context().close()));
    expect(complaints).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.close();
  });

  test("appears, fills, changes its host and closes in two browsers within two seconds", async () => {
    const [alice, bob] = [await open("two"), await open("two", PHONE)];
    seen_ms = [];
    await create(alice, { "Your name": "Alice", Name: "Nice", Seats: "2" });
    const row = rowOf(bob, "Nice");
    await within(row.filter({ hasText: "1 of 2" }));
    await bob.evaluate("window.before = document.querySelector('tbody tr')");
    const carol = await open("two");
    await rowOf(carol, "Nice").waitFor();

    await row.getByRole("link").click();
    await join(bob, "Bob");
    await within(role(bob, "You are a member"));
    await within(person(alice, "Bob"));
    await within(rowOf(carol, "Nice").filter({ hasText: "2 of 2" }).filter({ hasText: "full" }));

    await alice.getByRole("button", { name: "Make host: Bob" }).click();
    await within(role(bob, "You are the host"));
    await within(role(alice, "You are a member"));
    await within(person(alice, "Bob").filter({ hasText: "host" }));

    await bob.getByRole("button", { name: "Close the lobby" }).click();
    await bob.getByRole("dialog").getByRole("button", { name: "Close the lobby" }).click();
    await within(role(alice, "The lobby is closed."));
    await within(role(bob, "The lobby is closed."));
    await within(rowOf(carol, "Nice"), "detached");
    // A busy machine may delay some changes, but not most of them.
    expect(seen_ms.toSorted((a, b) => a - b)[seen_ms.length >> 1]).toBeLessThan(SEEN_MS);
    await saveScreenshots(alice, "closed-desk");
    await bob.getByRole("link", { name: "All lobbies" }).click();
    await bob.locator("#empty").waitFor();
  });

  test("lets a member chat and keeps its membership after a reload", async () => {
    const [alice, bob] = [await open("talk"), await open("talk", PHONE)];
    await create(alice, { "Your name": "Alice", Name: "Forest", Password: "sesame street" });
    await rowOf(bob, "Forest").getByRole("link").click();
    await bob.locator("#lobby").getByLabel("Password").fill("wrong");
    await join(bob, "Bob");
    await bob.getByText("The password is missing or wrong.").waitFor();
    await saveScreenshots(bob, "stranger-phone");
    await bob.locator("#lobby").getByLabel("Password").fill("sesame street");
    await join(bob, "Bob");
    await role(bob, "You are a member").waitFor();

    await say(bob, "<img src=x onerror='window.bitten=1'> hello");
    await said(alice, "<img src=x onerror='window.bitten=1'> hello").waitFor();
    await say(alice, "welcome");
    await said(bob, "welcome").waitFor();
    expect(await alice.evaluate("window.bitten ?? null")).toBeNull();
    await saveScreenshots(alice, "host-desk");
    await saveScreenshots(bob, "member-phone");
    expect(await sidewaysScroll(bob)).toBe(0);

    for (const page of [alice, bob]) await page.reload();
    await role(alice, "You are the host").waitFor();
    await role(bob, "You are a member").waitFor();
    await person(bob, "Alice").filter({ hasText: "host" }).waitFor();

    // The membership stays while the browser shows other pages, with a link back.
    await bob.getByRole("link", { name: "All lobbies" }).click();
    await bob.locator("#seats").getByRole("link", { name: "Forest" }).click();
    await bob.getByRole("button", { name: "Leave" }).click();
    await role(bob, "You have left.").waitFor();
    await alice.getByRole("log").getByText("Bob left").waitFor();
    await alice.getByRole("button", { name: "forget me" }).click();
    await alice.getByRole("dialog").getByRole("button", { name: "Forget me" }).click();
    await role(alice, "You are not a member").waitFor();
    expect(
      await alice.evaluate("Object.keys(localStorage).filter((key) => /me|seats/.test(key.split(':')[2]))"),
    ).toEqual([]);
  });

  test("shows every message once after a restart of the hub", async () => {
    const [alice, bob, carol] = [await open("killed"), await open("killed"), await open("killed")];
    await create(alice, { "Your name": "Alice", Name: "Steady" });
    await rowOf(bob, "Steady").getByRole("link").click();
    await join(bob, "Bob");
    await person(alice, "Bob").waitFor();
    await say(bob, "before");
    for (const page of [alice, bob]) await said(page, "before").waitFor();

    await stack.killHub();
    for (const page of [alice, bob]) await role(page, "Connection lost. Retrying…").waitFor();
    await carol.locator("#hub", { hasText: "The hub does not respond" }).waitFor();
    await saveScreenshots(alice, "lost-desk");
    await stack.startHub();
    await role(alice, "You are the host").waitFor();
    await role(bob, "You are a member").waitFor();
    await carol.locator("#hub").getByText("Live", { exact: true }).waitFor();
    await say(alice, "after");
    for (const page of [alice, bob]) {
      await said(page, "after").waitFor();
      expect(await page.locator(".log li:not(.event)").allTextContents()).toEqual(["Bob before", "Alice after"]);
      expect(await page.locator(".people li bdi").allTextContents()).toEqual(["Alice", "Bob"]);
    }
    await rowOf(carol, "Steady").filter({ hasText: "2 of 4" }).waitFor();
    expect(await carol.locator("tbody tr").count()).toBe(1);
  });

  test("shows missed messages once after a reconnect", async () => {
    const cable = await BreakableProxy.open(stack.url);
    const [alice, bob] = [await open("cut"), await open("cut", DESKTOP, cable.url)];
    await create(alice, { "Your name": "Alice", Name: "Steady" });
    await rowOf(bob, "Steady").getByRole("link").click();
    await join(bob, "Bob");
    await person(alice, "Bob").waitFor();
    await say(alice, "one");
    await said(bob, "one").waitFor();
    cable.disconnect();
    await role(bob, "Connection lost. Retrying…").waitFor();
    await say(alice, "two");
    await say(alice, "three");
    await said(alice, "three").waitFor();
    cable.reconnect();
    await said(bob, "three").waitFor();
    await role(bob, "You are a member").waitFor();
    await say(alice, "four");
    await said(bob, "four").waitFor();
    const heard = ["one", "two", "three", "four"].map((text) => `Alice ${text}`);
    expect(await bob.locator(".log li:not(.event)").allTextContents()).toEqual(heard);
    cable.close();
  });

  test("lets the host change, lock and start it, and kick and ban members", async () => {
    const [alice, bob, carol] = [await open("rule"), await open("rule"), await open("rule")];
    await create(alice, { "Your name": "Alice", Name: "Draft" });
    for (const [page, name] of [
      [bob, "Bob"],
      [carol, "Carol"],
    ] as const) {
      await rowOf(page, "Draft").getByRole("link").click();
      await join(page, name);
      await person(alice, name).waitFor();
    }
    await alice.getByRole("button", { name: "Settings" }).click();
    const dialog = alice.getByRole("dialog", { name: "Settings" });
    await dialog.getByLabel("Name", { exact: true }).fill("Finished");
    await dialog.getByLabel("Seats").fill("2");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("More members are in the lobby than these seats.").waitFor();
    await dialog.getByLabel("Seats").fill("8");
    await dialog.getByRole("button", { name: "Add data" }).click();
    await dialog.getByLabel("Key").fill("skill");
    await dialog.getByLabel("Value").fill("1200");
    await dialog.getByLabel("searchable").check();
    await saveScreenshots(alice, "settings-desk");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    await bob.getByRole("heading", { name: "Finished" }).waitFor();
    await bob.getByRole("region", { name: "Data" }).getByText("1200").waitFor();

    await alice.getByRole("button", { name: "Stop new players" }).click();
    await fact(bob, "closed").waitFor();
    await alice.getByRole("button", { name: "Allow new players" }).click();
    await alice.getByRole("button", { name: "Start the game" }).click();
    await fact(bob, "in game").waitFor();
    await alice.getByRole("button", { name: "Reopen the lobby" }).click();
    await fact(bob, "open").waitFor();

    await sure(alice, "Kick", "Bob", "your line is slow");
    await role(bob, "The host removed you. Reason: your line is slow").waitFor();
    await carol.getByRole("log").getByText("Bob was removed: your line is slow").waitFor();
    await sure(alice, "Ban", "Carol");
    await role(carol, "The host banned you from this lobby.").waitFor();
    await carol.reload();
    await join(carol, "Carol");
    await carol.getByText("The host removed this peer; it cannot join again.").waitFor();

    const finder = await open("rule");
    await finder.getByText("Filters", { exact: true }).click();
    await finder.getByLabel("Data").fill("skill>=1300");
    await finder.locator("#nomatch").waitFor();
    await finder.getByLabel("Data").fill("skill>=1200, skill<1300");
    await rowOf(finder, "Finished").filter({ hasText: "skill: 1200" }).waitFor();
    await finder.getByLabel("Free seats").fill("7");
    await rowOf(finder, "Finished").waitFor();
    await finder.waitForURL(/slots/);
    await saveScreenshots(finder, "filters-desk");
    await finder.reload();
    await rowOf(finder, "Finished").waitFor();
    expect(await finder.getByLabel("Data").inputValue()).toBe("skill>=1200, skill<1300");
    await finder.getByLabel("Data").fill("nonsense");
    await finder.getByText("Write the data filter like this").waitFor();
  });

  test("makes a joiner wait for the host's approval, and admits to a private lobby by code", async () => {
    const [alice, bob, carol] = [await open("asks"), await open("asks"), await open("asks", PHONE)];
    await create(alice, { "Your name": "Alice", Name: "Careful" }, "I approve each player");
    await rowOf(bob, "Careful").filter({ hasText: "on request" }).getByRole("link").click();
    await join(bob, "Bob", "Ask to join");
    await role(bob, "Waiting for the host's approval").waitFor();
    await saveScreenshots(bob, "waiting-desk");
    await alice.getByRole("button", { name: "Approve: Bob" }).click();
    await role(bob, "You are a member").waitFor();
    await rowOf(carol, "Careful").getByRole("link").click();
    await join(carol, "Carol", "Ask to join");
    await alice.getByRole("button", { name: "Decline: Carol" }).click();
    await carol.getByText("The host declined your request.").waitFor();

    const [host, guest] = [await open("asks"), await open("asks")];
    await host.getByRole("button", { name: "Create a lobby" }).click();
    const dialog = host.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("Hidden");
    await dialog.getByLabel("Who can find it").selectOption("private");
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    const code = await host.getByRole("region", { name: "Your seat" }).locator("code").textContent();
    await guest.getByLabel("Join code").fill(code!.toLowerCase());
    await guest.getByLabel("Join code").press("Enter");
    await guest.getByRole("dialog").getByRole("button", { name: "Join" }).click();
    await guest.getByRole("heading", { name: "Hidden" }).waitFor();
    await role(guest, "You are a member").waitFor();
    expect(await rowOf(carol, "Hidden").count()).toBe(0);
  });

  test("lets a member take over when the host left without a successor", async () => {
    const [alice, bob] = [await open("claim"), await open("claim")];
    await create(alice, { "Your name": "Alice", Name: "Vacant" });
    await rowOf(bob, "Vacant").getByRole("link").click();
    await join(bob, "Bob");
    await person(alice, "Bob").waitFor();
    await alice.getByRole("button", { name: "Settings" }).click();
    await alice.getByRole("dialog").getByLabel("When the host leaves").selectOption("manual");
    await alice.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await alice.getByRole("dialog").waitFor({ state: "detached" });
    await alice.getByRole("button", { name: "Leave" }).click();
    await bob.getByRole("log").getByText("The lobby has no host now").waitFor();
    await bob.getByRole("button", { name: "Become host" }).click();
    await role(bob, "You are the host").waitFor();
  });

  test("shows the rate limit of the chat, and refuses an unknown code", async () => {
    const page = await open("much");
    await create(page, { "Your name": "Alice", Name: "Chatty" });
    await page.getByLabel("Message").fill("and again");
    // The hub accepts a burst of five lines, which only a script exceeds. It also presses the button: a line that a slow
    // machine sends a second later is accepted.
    await page.evaluate(`(async () => {
      const me = JSON.parse(localStorage.getItem("parley:${gameOf(page)}:me"));
      const url = "/v1/games/${gameOf(page)}/lobbies/" + new URLSearchParams(location.search).get("lobby") + "/chat";
      const headers = { "authorization": "Bearer " + me.peer_token, "content-type": "application/json" };
      await Promise.all(Array.from({ length: 12 }, () => fetch(url, { method: "POST", headers, body: '{"text":"again"}' })));
      document.activeElement.form.requestSubmit();
    })()`);
    await page.getByText(/^Too many requests\. Try again in \d+ s.$/).waitFor();
    expect(await page.getByLabel("Message").inputValue()).toBe("and again");
    await saveScreenshots(page, "limited-desk");

    await page.getByRole("link", { name: "All lobbies" }).click();
    await page.getByLabel("Join code").fill("234567");
    await page.getByLabel("Join code").press("Enter");
    await page.getByRole("dialog").getByRole("button", { name: "Join" }).click();
    await page.getByRole("dialog").getByText("No lobby has this join code.").waitFor();
  });

  test("has stored a seat when it shows it, although the event arrives before the response", async () => {
    const [alice, bob] = [await open("late"), await open("late")];
    await create(alice, { "Your name": "Alice", Name: "Late" });
    await rowOf(bob, "Late").getByRole("link").click();
    await bob.evaluate(`new MutationObserver((_, observer) => {
      if (!document.body.innerText.includes("You are a member")) return;
      observer.disconnect();
      globalThis.stored = localStorage.getItem("parley:${gameOf(bob)}:seats");
    }).observe(document.body, { subtree: true, childList: true, characterData: true })`);
    await join(bob, "Bob");
    await role(bob, "You are a member").waitFor();
    expect(await bob.evaluate("globalThis.stored")).toContain("Late");
  });

  test("gives a browser with an expired token a new identity", async () => {
    const [alice, bob] = [await open("token"), await open("token")];
    await create(alice, { "Your name": "Alice", Name: "Strict" });
    await rowOf(bob, "Strict").getByRole("link").click();
    await join(bob, "Bob");
    await role(bob, "You are a member").waitFor();
    const [lobby, key] = [bob.url(), `parley:${gameOf(bob)}:me`];
    // Away from the page, which would notice the token and forget the seat before the reload.
    await bob.goto("/icon.svg");
    await bob.evaluate(`{
      const me = JSON.parse(localStorage.getItem("${key}"));
      localStorage.setItem("${key}", JSON.stringify({ ...me, peer_token: me.peer_token.slice(0, -4) + "AAAA" }));
    }`);
    await bob.goto(lobby);
    await bob.getByText("You lost your seat while you were away.").waitFor();
    await join(bob, "Bob again");
    await role(bob, "You are a member").waitFor();
    await person(alice, "Bob again").waitFor();
  });

  test("shows copyable join instructions for lobbies of other wires", async () => {
    const alice = await stack.player();
    await alice.request("h:Abroad:Alice:4", /^i:/);
    alice.startPinging("Abroad", "Alice");
    for (const options of [DESKTOP, PHONE]) {
      const page = await open("default", options);
      await rowOf(page, "Abroad").getByRole("link").click();
      const way = page.getByRole("region", { name: "How to join" });
      await way.getByText("Join it from a game that uses Rabid's hole punching.").waitFor();
      await way.getByText(`203.0.113.5:${stack.udpPort()}`).waitFor();
      await way.getByText('{"wire":"rabid","session":"Abroad"}').waitFor();
      await person(page, "Alice").filter({ hasText: "host" }).waitFor();
      await way.getByRole("button", { name: "Copy server" }).click();
      await way.getByText(/^(Copied|Selected)/).waitFor();
      expect(await page.getByRole("button", { name: "Join", exact: true }).isVisible()).toBe(false);
      expect(await sidewaysScroll(page)).toBe(0);
      await saveScreenshots(page, options === PHONE ? "foreign-phone" : "foreign-desk");
    }
    alice.stopPinging();
  });

  test("keeps its creator as host if the browser's clock is 40 days ahead", async () => {
    const visit = await openPage(browser, stack.url);
    visits.push(visit);
    await visit.page.addInitScript("{ const now = Date.now; Date.now = () => now() + 40 * 86_400_000; }");
    await visit.page.goto(`/?game=ahead-${turn}`);
    await create(visit.page, { "Your name": "Alice", Name: "Early" });
    await visit.page.reload();
    await role(visit.page, "You are the host").waitFor();
  });

  test("says when it does not exist, and is usable by keyboard", async () => {
    const page = await open("keys");
    await page.goto("/?game=keys&lobby=0-00000000000000000000000000");
    await role(page, "This lobby does not exist or has ended.").waitFor();
    for (const id of ["..", "no such thing"]) {
      await page.goto(`/?game=keys&lobby=${encodeURIComponent(id)}`);
      await role(page, "This lobby does not exist or has ended.").waitFor();
    }
    await page.getByRole("link", { name: "All lobbies" }).press("Enter");
    await page.locator("#empty").waitFor();
    await page.getByRole("button", { name: "Create a lobby" }).press("Enter");
    await page.locator("[name=member_name]:focus").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.locator("#create:focus").waitFor();
  });
});

// --- helpers ---------------------------------------------------------------------------------------------------

async function open(game: string, options: BrowserContextOptions = DESKTOP, origin = stack.url): Promise<Page> {
  const visit = await openPage(browser, origin, options);
  visits.push(visit);
  await visit.page.goto(`/?game=${game === "default" ? game : `${game}-${turn}`}`);
  await visit.page.locator("#hub").getByText("Live", { exact: true }).waitFor();
  return visit.page;
}

const gameOf = (page: Page): string => new URL(page.url()).searchParams.get("game")!;

async function create(page: Page, fields: Record<string, string>, ...boxes: string[]): Promise<void> {
  await page.getByRole("button", { name: "Create a lobby" }).click();
  const dialog = page.getByRole("dialog");
  for (const [label, text] of Object.entries(fields)) await dialog.getByLabel(label, { exact: true }).fill(text);
  for (const label of boxes) await dialog.getByLabel(label).check();
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await role(page, "You are the host").waitFor();
}

async function join(page: Page, name: string, verb = "Join"): Promise<void> {
  await page.locator("#lobby").getByLabel("Your name").fill(name);
  await page.locator("#lobby").getByRole("button", { name: verb, exact: true }).click();
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

/** The host applies an action to a member, confirms it and gives a reason. */
async function sure(page: Page, verb: string, name: string, why = ""): Promise<void> {
  await page.getByRole("button", { name: `${verb}: ${name}` }).click();
  await page.getByRole("dialog").getByLabel("Reason").fill(why);
  await page.getByRole("dialog").getByRole("button", { name: verb }).click();
}

async function within(what: Locator, state: "visible" | "detached" = "visible"): Promise<void> {
  const began = performance.now();
  await what.waitFor({ state });
  seen_ms.push(performance.now() - began);
}

const rowOf = (page: Page, name: string): Locator =>
  page.locator("tbody tr").filter({ has: page.locator("bdi", { hasText: new RegExp(`^${name}$`) }) });
const role = (page: Page, text: string): Locator => page.locator(".connection", { hasText: text });
const person = (page: Page, name: string): Locator => page.locator(".people li", { hasText: name });
const said = (page: Page, text: string): Locator => page.getByRole("log").getByText(text);
const fact = (page: Page, word: string): Locator => page.locator(".facts").getByText(word, { exact: true });

/** The number of pixels by which the page is wider than the viewport. */
const sidewaysScroll = (page: Page): Promise<number> =>
  page.evaluate<number>("Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)");
