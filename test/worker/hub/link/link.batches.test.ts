import { describe, expect, test } from "vitest";
import { BATCH_REPORTS_MAX } from "#shared/limits.ts";
import { lobbyRows, sidecarRow } from "../../support/hub-inspector.ts";
import {
  asks,
  confirms,
  heard,
  homeOf,
  hosted,
  hosts,
  introduced,
  joins,
  kicks,
  leaves,
} from "../../support/sidecar.ts";
import { newGame, POLICY, removed, roster, Sidecar, starts } from "../../support/sidecar.ts";

describe("batches", () => {
  test("a batch is stored, acknowledged and answered in one message", async () => {
    const north = await Sidecar.link(newGame());
    const told = await north.batch(1, [hosts("Nice", "Alice", { memory: "note" }), joins("Nice", "Bob")]);
    expect(told.ack).toBe(2);
    expect(told.items[0]).toStrictEqual({
      to: {
        wire: "rabid",
        name: "Nice",
        via: 3_478,
        endpoint: homeOf("Alice"),
        peer: "Alice",
        host: true,
        lease_ms: 5_000,
        memory: "note",
      },
      notice: hosted("Alice"),
    });
    expect(heard(told.items.slice(1))).toStrictEqual([
      ["Alice", roster("Alice", "Bob")],
      ["Bob", roster("Alice", "Bob")],
    ]);
    expect(await north.rest()).toStrictEqual([]);
  });

  test("each batch is acknowledged up to its last report", async () => {
    const north = await Sidecar.link(newGame());
    const acks: (number | null)[] = [];
    for (const [seq, size] of [
      [1, 1],
      [2, 3],
      [5, BATCH_REPORTS_MAX],
    ] as const) {
      acks.push(
        (
          await north.batch(
            seq,
            Array.from({ length: size }, (_, at) => hosts(`${seq}-${at}`, "Alice")),
          )
        ).ack,
      );
    }
    expect(acks).toStrictEqual([1, 4, 4 + BATCH_REPORTS_MAX]);
  });

  test("an empty batch is acknowledged with the last known report", async () => {
    const north = await Sidecar.link(newGame());
    await north.report(hosts("Nice", "Alice"));
    expect(await north.batch(2, [])).toStrictEqual({ t: "told", ack: 1, items: [] });
  });

  test("a repeated batch changes nothing and is acknowledged again", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    const items = [hosts("Nice", "Alice"), joins("Nice", "Bob"), asks("Nice", "Eve")];
    await north.batch(1, items);
    const before = [await lobbyRows(game), await sidecarRow(game, "north")];
    expect(await north.batch(1, items)).toStrictEqual({ t: "told", ack: 3, items: [] });
    expect(await north.rest()).toStrictEqual([]);
    expect([await lobbyRows(game), await sidecarRow(game, "north")]).toStrictEqual(before);
  });

  test("a partly known batch is applied from the first new report", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    await north.batch(1, [hosts("Nice", "Alice"), joins("Nice", "Bob")]);
    const told = await north.batch(1, [
      hosts("Nice", "Alice"),
      joins("Nice", "Bob"),
      asks("Nowhere", "Eve"),
      joins("Nice", "Carol"),
    ]);
    expect(told.ack).toBe(4);
    expect(heard(told.items)).toStrictEqual([
      [3, "lobby_not_found"],
      ["Alice", roster("Alice", "Bob", "Carol")],
      ["Bob", roster("Alice", "Bob", "Carol")],
      ["Carol", roster("Alice", "Bob", "Carol")],
    ]);
    expect(await lobbyRows(game)).toMatchObject([{ revision: 3 }]);
  });

  test("a batch after a gap is not applied, and the ack says where the gap begins", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    await north.batch(1, [hosts("Nice", "Alice")]);
    expect(await north.batch(3, [joins("Nice", "Carol")])).toStrictEqual({ t: "told", ack: 1, items: [] });
    expect(await lobbyRows(game)).toMatchObject([{ revision: 1 }]);
    // The missing batch comes, then the rest again.
    expect(await north.batch(2, [joins("Nice", "Bob"), joins("Nice", "Carol")])).toMatchObject({ ack: 3 });
    expect(await lobbyRows(game)).toMatchObject([{ members: [{ peer: "Alice" }, { peer: "Bob" }, { peer: "Carol" }] }]);
  });

  test("a batch may create, end and create a lobby again", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    await north.report(
      hosts("Nice", "Alice"),
      leaves("Nice", "Alice"),
      hosts("Nice", "Bob"),
      hosts("Gone", "Carol"),
      leaves("Gone", "Carol"),
    );
    expect(await lobbyRows(game)).toMatchObject([{ name: "Nice", host: "Bob" }]);
  });
});

describe("refusals", () => {
  test("a refusal names its report, however many notices are in between", async () => {
    const north = await Sidecar.link(newGame());
    await north.report(hosts("Full", "Zoe", { seats: 1 }));
    const told = await north.report(
      asks("Nowhere", "Eve"),
      hosts("Nice", "Alice", { lock: "digest" }),
      joins("Nice", "Bob", { lock: "digest" }),
      joins("Nice", "Eve", { lock: "guessed" }),
      joins("Full", "Eve"),
      kicks("Nice", "Alice", "Bob"),
      starts("Nice", "Alice"),
      hosts("Nice", "Eve"),
    );
    expect(heard(told).filter(([to]) => typeof to === "number")).toStrictEqual([
      [2, "lobby_not_found"],
      [5, "password_mismatch"],
      [6, "lobby_full"],
      [7, "not_host"],
      [9, "lobby_exists"],
    ]);
  });

  test("a refusal goes to the sidecar that reported and no other", async () => {
    const game = newGame();
    const [north, south] = [await Sidecar.link(game), await Sidecar.link(game, { name: "south" })];
    await south.report(hosts("Nice", "Alice"));
    expect(heard(await north.report(hosts("Nice", "Eve")))).toStrictEqual([[1, "lobby_exists"]]);
    expect(await south.rest()).toStrictEqual([]);
  });
});

describe("members on two sidecars", () => {
  test("members of two sidecars meet although the sidecars do not know each other", async () => {
    const game = newGame();
    const [north, south] = [await Sidecar.link(game), await Sidecar.link(game, { name: "south" })];
    await north.report(hosts("Nice", "Alice"));
    expect(heard(await south.report(joins("Nice", "Bob", { via: 9_000 })))).toStrictEqual([
      ["Bob", roster("Alice", "Bob")],
    ]);
    const told = await north.next("told");
    expect(told.ack).toBeNull();
    expect(heard(told.items)).toStrictEqual([["Alice", roster("Alice", "Bob")]]);

    expect(heard(await north.report(starts("Nice", "Alice")))).toStrictEqual([["Alice", introduced("Alice", "Bob")]]);
    expect(await south.next("told")).toMatchObject({
      ack: null,
      items: [{ to: { peer: "Bob", via: 9_000, host: false, lease_ms: null }, notice: introduced("Alice", "Bob") }],
    });
    expect([await north.rest(), await south.rest()]).toStrictEqual([[], []]);
  });

  test("a member that moves is answered at its new sidecar and forgotten at the old one", async () => {
    const game = newGame();
    const [north, south] = [await Sidecar.link(game), await Sidecar.link(game, { name: "south" })];
    await north.report(hosts("Nice", "Alice"), joins("Nice", "Bob"));
    expect(heard(await south.report(joins("Nice", "Bob")))).toStrictEqual([["Bob", roster("Alice", "Bob")]]);
    expect(heard((await north.next("told")).items)).toStrictEqual([["Bob", removed("moved")]]);
    expect((await (await Sidecar.open(game)).hello()).members.map(({ to }) => to.peer)).toStrictEqual(["Alice"]);
  });

  test("members are not introduced while the host cannot be notified", async () => {
    const game = newGame();
    const [north, south] = [await Sidecar.link(game), await Sidecar.link(game, { name: "south" })];
    const policy = { ...POLICY, introduces_on_join: true };
    await north.report(hosts("Nice", "Alice", { policy }));
    north.close();
    await north.closed;
    for (const silently of [false, true]) {
      const [answer] = heard(await south.report(joins("Nice", "Bob", { silently })));
      expect(answer?.[1]).toBe("host_unreachable");
    }
    const back = await Sidecar.link(game);
    const [answer] = heard(await south.report(joins("Nice", "Bob", { silently: true })));
    expect(answer?.[1]).toStrictEqual(introduced("Alice"));
    expect(await back.rest()).toStrictEqual([]);
  });

  test("members do not affect a third sidecar or another game", async () => {
    const [game, other] = [newGame(), newGame()];
    const third = await Sidecar.link(game, { name: "west" });
    const elsewhere = await Sidecar.link(other);
    const [north, south] = [await Sidecar.link(game), await Sidecar.link(game, { name: "south" })];
    await north.report(hosts("Nice", "Alice"));
    await south.report(joins("Nice", "Bob"));
    expect([await third.rest(), await elsewhere.rest()]).toStrictEqual([[], []]);
    expect(heard(await elsewhere.report(joins("Nice", "Carol")))).toStrictEqual([[1, "lobby_not_found"]]);
  });
});

describe("a sidecar that reconnects", () => {
  test("a sidecar with its memory continues after the last ack", async () => {
    const game = newGame();
    const before = await Sidecar.link(game);
    await before.report(hosts("Nice", "Alice"), joins("Nice", "Bob"));
    const after = await Sidecar.open(game);
    expect(await after.hello()).toMatchObject({ ack: 2 });
    expect(await after.batch(3, [joins("Nice", "Carol")])).toMatchObject({ ack: 3 });
  });

  test("a sidecar without its memory starts at zero and gets its members, notes and states back", async () => {
    const game = newGame();
    const south = await Sidecar.link(game, { name: "south" });
    await south.report(hosts("Nice", "Alice", { memory: "alice's note" }));
    const north = await Sidecar.link(game);
    await north.report(joins("Nice", "Bob", { memory: "bob's note", via: 9_000 }), hosts("Mine", "Carol"));
    await north.report(joins("Mine", "Dave"), starts("Mine", "Carol"), confirms("Mine", "Dave"));

    const anew = await Sidecar.open(game, { epoch: "epoch-two" });
    const { ack, members } = await anew.hello();
    expect(ack).toBe(0);
    const mine = { wire: "rabid", name: "Mine", via: 3_478, lease_ms: null, memory: null } as const;
    const bob = { wire: "rabid", name: "Nice", via: 9_000, lease_ms: 5_000, memory: "bob's note" } as const;
    expect(members.toSorted((a, b) => (a.to.peer < b.to.peer ? -1 : 1))).toStrictEqual([
      { to: { ...bob, endpoint: homeOf("Bob"), peer: "Bob", host: false }, notice: roster("Alice", "Bob") },
      { to: { ...mine, endpoint: homeOf("Carol"), peer: "Carol", host: true }, notice: introduced("Carol", "Dave") },
      { to: { ...mine, endpoint: homeOf("Dave"), peer: "Dave", host: false }, notice: introduced("Carol", "Dave") },
    ]);
    // The numbers start again with the epoch.
    expect(await anew.batch(1, [asks("Nice", "Bob")])).toMatchObject({ ack: 1, items: [{ to: { peer: "Bob" } }] });
  });
});
