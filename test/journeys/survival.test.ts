/** Either half is killed with -9 while players are in the middle of it. Nobody loses a lobby. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SIDECAR_GRACE_MS } from "#shared/limits.ts";
import { eventually, House } from "../support/test-stack.ts";

let house: House;
beforeEach(async () => {
  house = await House.open({ shards: 2 });
});
afterEach(() => house?.close());

describe("the hub is killed", () => {
  test("pings go on being answered; after its return the lobby is listed, joinable and startable", async () => {
    const [alice, bob, carol] = [await house.player(), await house.player(), await house.player()];
    await alice.ask("h:Nice:Alice:4", /^i:/);
    await bob.ask("c:Nice:Bob", /^i:/);
    alice.keepPinging("Nice", "Alice");
    bob.keepPinging("Nice", "Bob");
    const [before] = await house.lobbies();

    await house.killHub();
    for (let round = 0; round < 3; round++) {
      await bob.hears("i:Alice:Bob", { from: bob.heard.length });
    }
    // A newcomer hears nothing meanwhile: an error would end his session.
    const joined = carol.ask("c:Nice:Carol", /./);

    await house.startHub();
    await house.linked();
    expect(await joined).toBe("i:Alice:Bob:Carol");
    const [after] = await house.lobbies();
    expect(after).toMatchObject({ id: before!.id, name: "Nice", members: 3, created_at: before!.created_at });
    alice.say("s:Nice:Alice");
    const wanted = `s:${carol.port}:Alice:127.0.0.1:${alice.port};Bob:127.0.0.1:${bob.port}`;
    expect(await carol.hears(/^s:/)).toBe(wanted);
    expect(alice.heard.concat(bob.heard, carol.heard).filter((line) => line.startsWith("error"))).toEqual([]);
  });

  test("who falls silent during the outage is dropped after it, and the others are told", async () => {
    const alice = await house.player();
    const bob = await house.player();
    await alice.ask("h:Nice:Alice:4", /^i:/);
    await bob.ask("c:Nice:Bob", /^i:/);
    alice.keepPinging("Nice", "Alice");
    await alice.hears("i:Alice:Bob");
    const from = alice.heard.length;
    await house.killHub();
    await house.startHub();
    await house.linked();
    expect(await bob.hears(/^error/)).toBe("error:player_timeout");
    await alice.hears("i:Alice", { from });
  });
});

describe("the sidecar is killed", () => {
  test("members who keep pinging are back within two pings under the same lobby", async () => {
    const [alice, bob, carol] = [await house.player(), await house.player(), await house.player()];
    await alice.ask("h:Nice:Alice:4", /^i:/);
    await bob.ask("c:Nice:Bob", /^i:/);
    await carol.ask("c:Nice:Carol", /^i:/);
    const [before] = await house.lobbies();
    await house.killSidecar();
    await house.restartSidecar();

    for (const [player, name] of [
      [alice, "Alice"],
      [bob, "Bob"],
    ] as const) {
      const from = player.heard.length;
      player.say(`p:Nice:${name}`);
      player.say(`p:Nice:${name}`);
      expect(await player.hears(/./, { from })).toBe("i:Alice:Bob:Carol");
      player.keepPinging("Nice", name);
    }
    // Heard again, so listed again; Carol vanished with the old sidecar, and her lease ends.
    const listed = await eventually(
      () => house.lobbies(""),
      (lobbies) => lobbies.length === 1,
    );
    expect(listed[0]!.id).toBe(before!.id);
    const [after] = await eventually(
      () => house.lobbies(),
      ([lobby]) => lobby?.members === 2,
    );
    expect(after!.id).toBe(before!.id);
    await alice.hears("i:Alice:Bob", { from: alice.heard.indexOf("i:Alice:Bob:Carol") });
    alice.say("s:Nice:Alice");
    expect(await bob.hears(/^s:/)).toBe(`s:${bob.port}:Alice:127.0.0.1:${alice.port}`);
    expect(alice.heard.concat(bob.heard).filter((line) => line.startsWith("error"))).toEqual([]);
  });

  test("a start that happened just before is answered to whoever asks just after", async () => {
    const alice = await house.player();
    const bob = await house.player();
    await alice.ask("h:Nice:Alice:4", /^i:/);
    await bob.ask("c:Nice:Bob", /^i:/);
    alice.say("s:Nice:Alice");
    await alice.hears(/^s:/);
    await house.killSidecar();
    await house.restartSidecar();
    const from = bob.heard.length;
    bob.say("p:Nice:Bob");
    expect(await bob.hears(/./, { from })).toBe(`s:${bob.port}:Alice:127.0.0.1:${alice.port}`);
  });

  test("drained with SIGTERM it ends with 0, and its lobby leaves the list at once", async () => {
    const alice = await house.player();
    await alice.ask("h:Nice:Alice:4", /^i:/);
    alice.keepPinging("Nice", "Alice");
    const [before] = await house.lobbies();
    expect(await house.drainSidecar()).toBe(0);
    // Long before the hub would miss a sidecar that said nothing.
    await eventually(
      () => house.lobbies(),
      (lobbies) => lobbies.length === 0,
      SIDECAR_GRACE_MS / 2,
    );
    await house.restartSidecar();
    const after = await eventually(
      () => house.lobbies(),
      (lobbies) => lobbies.length === 1,
    );
    expect(after[0]?.id).toBe(before!.id);
  });
});
