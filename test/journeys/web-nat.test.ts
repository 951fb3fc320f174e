/** Browsers behind routers of each kind: real Chromium in network namespaces, with a hub, a sidecar and a real coturn. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { IceServers } from "#shared/api/ice-servers.ts";
import { turnCredential } from "../../worker/auth/turn.ts";
import { BrowserLab, type LabBrowser, TLS_PORT, TURN_PORT, TURN_SECRET } from "../lab/browser-lab.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import type { NatKind } from "../lab/nat.ts";
import { isBrowserMissing } from "../support/browser.ts";
import { eventually } from "../support/test-stack.ts";
import { isCoturnMissing } from "../support/coturn.ts";
import type { GamePages } from "../support/game-page.ts";
import {
  connected,
  countedNumbers,
  countNumbers,
  enter,
  waitForText,
  idOf,
  pathsBecome,
  pathsOf,
  recordConnections,
  sendText,
  type SelectedPair,
  selectedPairs,
  sendNumbers,
} from "../support/player-page.ts";

const KINDS: readonly NatKind[] = ["port-restricted", "port-restricted", "symmetric", "symmetric", "blocked"];

let lab: BrowserLab;
let browsers: LabBrowser[];

/** The pages behind these routers of `KINDS`. */
const pagesOf = (...at: readonly number[]): GamePages[] => at.map((one) => browsers[one]!.pages);

/** Opens a player behind each router, all in one lobby, whose host is the first one. */
async function meet(all: readonly GamePages[]): Promise<Page[]> {
  const pages = await Promise.all(all.map((pages) => pages.newPage()));
  await Promise.all(pages.map(recordConnections));
  const lobby = await enter(pages[0]!, lab.stack.url, null);
  await Promise.all(pages.slice(1).map((page) => enter(page, lab.stack.url, lobby)));
  await Promise.all(pages.map((page) => connected(page, pages.length - 1)));
  return pages;
}

async function exchange(ann: Page, bob: Page): Promise<void> {
  await sendText(ann, "hello");
  await waitForText(bob, `${await idOf(ann)}:0:hello`);
  await sendText(bob, "welcome");
  await waitForText(ann, `${await idOf(bob)}:0:welcome`);
}

describe.skipIf(isBrowserMissing() || isCoturnMissing() || isLabMissing())("browsers behind routers", () => {
  beforeAll(async () => {
    lab = await BrowserLab.open(inject("bundle"));
    browsers = await Promise.all(KINDS.map((kind) => lab.browser(kind, { movesPorts: true })));
  });
  afterAll(async () => {
    await Promise.all((browsers ?? []).map(({ pages }) => pages.close()));
    await lab?.close();
  });

  test("two behind port-restricted routers connect directly by their observed endpoints", async () => {
    const [ann, bob] = (await meet(pagesOf(0, 1))) as [Page, Page];
    for (const page of [ann, bob]) {
      await pathsBecome(page, ["direct"]);
      const [pair] = await selectedPairs(page);
      expect([pair!.local, pair!.remote].every((type) => ["srflx", "prflx"].includes(type))).toBe(true);
    }
    await exchange(ann, bob);
  });

  test("two behind symmetric routers are relayed by coturn over UDP", async () => {
    const [ann, bob] = (await meet(pagesOf(2, 3))) as [Page, Page];
    // ICE may select other pairs after the first path, and each has one end at coturn.
    const selected = async (): Promise<SelectedPair[]> => (await Promise.all([ann, bob].map(selectedPairs))).flat();
    const pairs = await eventually(selected, (all) => all.some(({ relayProtocol }) => relayProtocol === "udp"));
    for (const { local, remote } of pairs) expect([local, remote]).toContain("relay");
    expect([await pathsOf(ann), await pathsOf(bob)]).toStrictEqual([["relay"], ["relay"]]);
    await exchange(ann, bob);
  });

  test.each([
    ["tcp", TURN_PORT],
    ["tls", TLS_PORT],
  ])("one without UDP is relayed by coturn over %s, if its router admits only port %i", async (protocol, port) => {
    const { home } = browsers[4]!;
    await lab.lab.allowOnlyPort(home, lab.turn.address, port);
    const [ann, bob] = (await meet(pagesOf(4, 0))) as [Page, Page];
    await lab.lab.unblock(home);
    expect((await selectedPairs(ann)).map(({ relayProtocol }) => relayProtocol)).toStrictEqual([protocol]);
    expect([await pathsOf(ann), await pathsOf(bob)]).toStrictEqual([["relay"], ["relay"]]);
    await exchange(ann, bob);
  });

  test("five behind different routers are a full mesh, and only the pair that can is direct", async () => {
    const pages = await meet(pagesOf(0, 1, 2, 3, 4));
    const allRelayed = ["relay", "relay", "relay", "relay"];
    const oneDirect = ["direct", "relay", "relay", "relay"];
    for (const page of pages.slice(0, 2)) await pathsBecome(page, oneDirect);
    for (const page of pages.slice(2)) expect(await pathsOf(page)).toStrictEqual(allRelayed);
    await sendText(pages[4]!, "all");
    const from = await idOf(pages[4]!);
    await Promise.all(pages.slice(0, 4).map((page) => waitForText(page, `${from}:0:all`)));
  });

  describe("at the same time", { concurrent: true }, () => {
    test("one that moves to another network keeps its connection by an ICE restart", async () => {
      const [ann, bob] = (await meet(pagesOf(0, 1))) as [Page, Page];
      await lab.lab.move(browsers[0]!.host, await lab.lab.home("port-restricted", { movesPorts: true }));
      await exchange(ann, bob);
      for (const page of [ann, bob]) expect(await page.evaluate("connections.length")).toBe(1);
    });

    test("one that slept until its peer missed it gets the path back, and messages of the time arrive", async () => {
      const { host } = browsers[2]!;
      const [ann, bob] = (await meet(pagesOf(2, 3))) as [Page, Page];
      const [idOfAnn, idOfBob] = [await idOf(ann), await idOf(bob)];
      host.signal("SIGSTOP");
      try {
        await sendText(bob, "are you there?");
        await bob.waitForFunction("seat.peers[0].path === null");
        await bob.evaluate(SLEEP);
      } finally {
        host.signal("SIGCONT");
      }
      await waitForText(ann, `${idOfBob}:0:are you there?`);
      await Promise.all([connected(ann, 1), connected(bob, 1)]);
      await sendText(ann, "I was asleep");
      await waitForText(bob, `${idOfAnn}:0:I was asleep`);
    });

    test("a mesh of four that loses 5 % of all datagrams carries ten thousand messages of each in order", async () => {
      const host = await lab.lab.host();
      await host.shell(
        "nft add table inet loss",
        "nft 'add chain inet loss input { type filter hook input priority 0; }'",
        "nft 'add rule inet loss input meta l4proto udp numgen random mod 1000 < 50 drop'",
      );
      const pages = await lab.pagesOn(host);
      try {
        const all = await meet([pages, pages, pages, pages]);
        const ids = await Promise.all(all.map(idOf));
        const next = (at: number): number => (at + 1) % all.length;
        await Promise.all(all.map((_, at) => countNumbers(all[next(at)]!, ids[at]!)));
        await Promise.all(all.map((page, at) => sendNumbers(page, ids[next(at)]!, 10_000)));
        for (const page of all) {
          const { inOrder, unreliable } = await countedNumbers(page, 10_000);
          expect(inOrder).toBe(true);
          expect(unreliable.length).toBeLessThan(10_000);
          expect(unreliable.length).toBeGreaterThan(1_000);
        }
      } finally {
        await pages.close();
      }
    });

    test("coturn admits the hub's credentials only, for a limited time, and only to public addresses", async () => {
      const page = await browsers[1]!.pages.newPage();
      await enter(page, lab.stack.url, null);
      const { ice_servers } = await page.evaluate<IceServers>("player.hub.request('GET', '/ice-servers')");
      const { username, credential } = ice_servers.find(({ urls }) => urls[0]!.startsWith("turn"))!;
      const [client, peer] = [await lab.lab.host(), await lab.lab.host()];
      await peer.run("exec.ts", ["{}", "turnutils_peer", "-p", String(PEER_PORT), "-L", peer.address]);
      const relay = async (user: string, password: string, to = peer.address, more: readonly string[] = []) => {
        const target = ["-e", to, "-r", String(PEER_PORT), "-p", String(TURN_PORT), "-c", "-n", "3"];
        const args = [...target, "-u", user, "-w", password, ...more, lab.turn.address];
        const program = await client.run("exec.ts", ["{}", "turnutils_uclient", ...args]);
        return String((await program.waitForLine((line) => "code" in line))["out"]);
      };
      const expired = await turnCredential(TURN_SECRET, "late", Math.floor(Date.now() / 1_000) - 1);
      const [admitted, overTcp, late, wrong, inside] = await Promise.all([
        relay(username!, credential!),
        relay(username!, credential!, peer.address, ["-t"]),
        relay(expired.username, expired.credential),
        relay(username!, expired.credential),
        relay(username!, credential!, "192.168.1.1"),
      ]);
      for (const output of [admitted, overTcp]) expect(output).toContain("tot_send_msgs=3, tot_recv_msgs=3");
      for (const output of [late, wrong]) expect(output).toContain("Cannot complete Allocation");
      expect(inside).toContain("error 403 (Forbidden IP)");
    });
  });
});

/** Of turnutils_peer, which echoes. */
const PEER_PORT = 3_481;
/** The sleep goes on: with the time until the peer missed it, it is longer than SLEEP_GAP_MS of the client. */
const SLEEP = "new Promise((done) => setTimeout(done, 6_000))";
