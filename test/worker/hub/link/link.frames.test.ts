import { beforeEach, describe, expect, test, vi } from "vitest";
import { BATCH_REPORTS_MAX, MEMORY_LENGTH_MAX, NAME_LENGTH_MAX, SEATS_MAX } from "#shared/limits.ts";
import { heard, hosts, introduced, joins, newGame, roster, Sidecar, starts } from "../../support/sidecar.ts";

// On a busy machine a started lobby would end before the test does.
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));

// A sidecar closes a link after a frame that is too long. It would reconnect and get the same frame again.
describe("no frame is longer than a sidecar accepts", () => {
  test("when a full batch joins one lobby", async () => {
    const north = await Sidecar.link(newGame());
    const crowd = people(BATCH_REPORTS_MAX);
    await north.report(hosts("Nice", "Alice", { seats: SEATS_MAX }));
    await north.report(...crowd.map((peer) => joins("Nice", peer)));
    const last = new Map(await toldTo(north));
    const everybody = ["Alice", ...crowd];
    expect(last).toStrictEqual(new Map(everybody.map((peer) => [peer, roster(...everybody)])));
  });

  test("when many members with the longest names and notes are returned in several frames", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    // JSON escapes a quotation mark to two characters and a control character, which only notes may contain, to six.
    const names = Array.from({ length: 600 }, (_, at) => `${at}`.padEnd(NAME_LENGTH_MAX, '"'));
    const memory = "\u0001".repeat(MEMORY_LENGTH_MAX);
    for (let at = 0; at < names.length; at += BATCH_REPORTS_MAX) {
      await north.report(...names.slice(at, at + BATCH_REPORTS_MAX).map((name) => hosts(name, name, { memory })));
    }

    const anew = await Sidecar.open(game, { epoch: "epoch-two" });
    const { members } = await anew.hello();
    expect(members.map(({ to }) => to.name).toSorted()).toStrictEqual(names.toSorted());
    const pieces = anew.log.flatMap((message) => (message.t === "members" ? [message] : []));
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.map(({ last }) => last)).toStrictEqual(pieces.map((_, at) => at === pieces.length - 1));
  });

  test("when a full lobby starts", async () => {
    const north = await Sidecar.link(newGame());
    const crowd = people(SEATS_MAX);
    await fill(north, "Nice", crowd);
    await north.report(starts("Nice", crowd[0]!));
    expect((await toldTo(north)).slice(-SEATS_MAX)).toStrictEqual(crowd.map((peer) => [peer, introduced(...crowd)]));
  });

  test("when large started lobbies are returned", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    for (const name of ["One", "Two", "Three", "Four"]) {
      await fill(north, name, people(90));
      await north.report(starts(name, "Player 0"));
    }
    expect((await (await Sidecar.open(game, { epoch: "epoch-two" })).hello()).members).toHaveLength(360);
  });
});

/** All items in order, over any number of messages. */
async function toldTo(sidecar: Sidecar): Promise<ReturnType<typeof heard>> {
  await sidecar.rest();
  return heard(sidecar.log.flatMap((message) => (message.t === "told" ? message.items : [])));
}

const people = (count: number): string[] => Array.from({ length: count }, (_, at) => `Player ${at}`);

/** One at a time, so that the joins themselves fit into frames. */
async function fill(sidecar: Sidecar, name: string, [host, ...others]: string[]): Promise<void> {
  await sidecar.report(hosts(name, host!, { seats: SEATS_MAX }));
  for (const peer of others) await sidecar.report(joins(name, peer));
}
