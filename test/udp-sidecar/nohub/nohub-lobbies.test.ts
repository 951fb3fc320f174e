/** What nohub's lobbies are in the one list: their data, their end, other sidecars, noray hosts, and lobbies made over HTTP. */
import { describe, expect, test } from "vitest";
import {
  NOHUB_CHANGES_BURST,
  NOHUB_COMMANDS_BURST,
  NOHUB_GRACE_MS,
  NOHUB_LOBBIES_PER_COMMAND,
  NOHUB_SESSIONS_PER_SOURCE_MAX,
} from "#shared/limits.ts";
import { ADDRESS_KEY, type DirectoryEntry } from "#shared/listing/directory.ts";
import { NATIVE_POLICY } from "#shared/lobby/join.ts";
import { lobbyId } from "#shared/lobby/ids.ts";
import { LobbyTransaction } from "../../../worker/hub/lobby-index.ts";
import { Rig } from "../../support/exchange.ts";
import { LOBBIES_PER_SOURCE_MAX, NohubCaller } from "../../support/nohub.ts";
import { registered } from "../support/noray-script.ts";

const ENET = "enet://192.0.2.1:7000";
const create = (client: NohubCaller, rest = `${ENET} name=Nice`): string =>
  client.say(`lobby/create?1 ${rest}`)[0]!.split(" ")[1]!;
const idsSeenBy = (client: NohubCaller): string[] =>
  client
    .say("lobby/list?1")
    .slice(0, -1)
    .map((line) => line.split(" ")[1]!);
const entryOf = (name: string): DirectoryEntry => ({
  id: `0-${name}`,
  wire: "nohub",
  name,
  display_name: name,
  created_at_ms: 1,
  away: false,
  listed: true,
  joinable: true,
  locked: false,
  members: 1,
  seats: null,
  join_uri: ENET,
  data: {},
});
const summariesOf = (rig: Rig) => ["nohub", "noray", "native"].flatMap((wire) => rig.hub.listed(wire as "nohub"));

describe("in the list", () => {
  test("a lobby has its data, its name, its seats and its address; numbers are numbers", () => {
    const rig = new Rig();
    const id = create(new NohubCaller(rig, "A"), `${ENET} name="Nice place" player-count=1 player-capacity=8 zip=007`);
    expect(summariesOf(rig)).toMatchObject([
      {
        wire: "nohub",
        name: "Nice place",
        seats: 8,
        joinable: true,
        join: { wire: "nohub", uri: ENET },
        data: { name: "Nice place", "player-count": 1, "player-capacity": 8, zip: "007" },
      },
    ]);
    expect(rig.hub.lobby(id, "nohub")!.host).toBe(id);
  });

  test("locked is not joinable, hidden is unlisted, and set-data replaces everything", () => {
    const rig = new Rig();
    const client = new NohubCaller(rig, "A");
    const id = create(client);
    const lobby = () => rig.hub.lobby(id, "nohub")!;
    for (const [word, expected] of [
      ["lock", { joinable: false }],
      ["unlock", { joinable: true }],
      ["hide", { visibility: "unlisted" }],
      ["publish", { visibility: "public" }],
    ] as const) {
      expect(client.say(`lobby/${word}?1 ${id}`)).toStrictEqual([".1 ok"]);
      expect(lobby()).toMatchObject(expected);
    }
    client.say(`lobby/set-data?1 ${id} map=forest`);
    expect(Object.keys(lobby().data)).toStrictEqual(["map"]);
    expect(client.say(`lobby/get?1 ${id}`)).toStrictEqual([`.1 ${id} map=forest`]);
    client.say(`lobby/delete?1 ${id}`);
    expect(rig.hub.lobby(id, "nohub")).toBeUndefined();
  });

  test("a line of a list is of this moment, with all keys or some", () => {
    const client = new NohubCaller(new Rig(), "A");
    const id = create(client, `${ENET} name=Nice map=forest`);
    const line = (keys = ""): string => client.say(`lobby/list?1${keys}`)[0]!;
    expect([line(), line()]).toStrictEqual([`|1 ${id} name=Nice map=forest`, `|1 ${id} name=Nice map=forest`]);
    client.say(`lobby/lock?1 ${id}`);
    expect([line(), line(" map other")]).toStrictEqual([
      `|1 ${id} locked name=Nice map=forest`,
      `|1 ${id} locked map=forest`,
    ]);
    client.say(`lobby/hide?1 ${id}`);
    client.say(`lobby/set-data?1 ${id} map=desert`);
    expect(line()).toBe(`|1 ${id} locked hidden map=desert`);
  });

  test("two sidecars show one list, at once", () => {
    const rig = new Rig();
    const [north, south] = [new NohubCaller(rig, "A"), new NohubCaller(rig, "B", "south")];
    for (let round = 0; round < 12; round++) {
      const id = create(north);
      expect(idsSeenBy(south)).toStrictEqual([id]);
      expect(south.say(`lobby/join?2 ${id}`)).toStrictEqual([`.2 ${ENET}`]);
      expect(south.say(`lobby/set-data?3 ${id} a=b`)[0]).toMatch(/^!3 UnauthorizedError /);
      north.say(`lobby/delete?4 ${id}`);
      expect(idsSeenBy(south)).toStrictEqual([]);
    }
  });

  test("a sidecar that links later receives the whole directory", () => {
    const rig = new Rig();
    const id = create(new NohubCaller(rig, "A"));
    rig.restart("south");
    expect(idsSeenBy(new NohubCaller(rig, "B", "south"))).toStrictEqual([id]);
  });

  test("games do not see each other, and the hub's game sees lobbies without one", () => {
    const rig = new Rig();
    const [one, other, own, none] = ["A", "B", "C", "D"].map((name) => new NohubCaller(rig, name));
    one!.say("session/set-game?1 forest");
    other!.say("session/set-game?1 desert");
    own!.say("session/set-game?1 chess");
    const [a, b, c] = [create(one!), create(other!), create(own!)];
    expect([one, other, own, none].map((client) => idsSeenBy(client!))).toStrictEqual([[a], [b], [c], [c]]);
    expect(one!.say(`lobby/join?1 ${b}`)[0]).toMatch(/^!1 DataNotFoundError /);
  });
});

describe("a noray host's lobby", () => {
  test("is one entry of the noray wire, changes and ends with it", () => {
    const { rig, id } = registered("A");
    const client = new NohubCaller(rig, "A");
    const uri = `noray://localhost:8890/${id("A")}`;
    expect(create(client, `${uri} name=Nice`)).toBe(id("A"));
    expect(summariesOf(rig)).toMatchObject([{ wire: "noray", name: "Nice", join: { wire: "noray", uri } }]);
    const guest = new NohubCaller(rig, "B", "south");
    expect(guest.say(`lobby/join?1 ${id("A")}`)).toStrictEqual([`.1 ${uri}`]);
    client.say(`lobby/delete?1 ${id("A")}`);
    expect(summariesOf(rig)).toStrictEqual([]);
    expect(rig.hub.lobby(id("A"), "noray")).toMatchObject({ visibility: "unlisted", data: {} });
    create(client, `${uri} name=Again`);
    rig.closeNorayConnection("A");
    expect(idsSeenBy(guest)).toStrictEqual([]);
    rig.advance(1_000);
    expect(idsSeenBy(client)).toStrictEqual([]);
  });

  test("is not taken by a client of another address", () => {
    const { rig, id } = registered("A");
    const stranger = new NohubCaller(rig, "B");
    expect(create(stranger, `noray://localhost:8890/${id("A")}`)).toHaveLength(8);
    expect(rig.hub.lobby(id("A"), "noray")!.visibility).toBe("unlisted");
  });
});

describe("a lobby made over HTTP", () => {
  test("is visible if it publishes an address, and cannot be changed", () => {
    const rig = new Rig();
    const client = new NohubCaller(rig, "A");
    const id = lobbyId(0, "9".repeat(26));
    const host = "7".repeat(26);
    const apply = (event: Parameters<LobbyTransaction["apply"]>[2]): void => {
      const draft = new LobbyTransaction(rig.hub.directory, rig.now);
      draft.apply("native", id, event);
      rig.deliverToSidecars(rig.hub.commit(draft));
    };
    const about = { wire: "native", name: id, policy: NATIVE_POLICY, seats: 4, password_digest: null } as const;
    const settings = { display_name: "From HTTP" };
    apply({ kind: "host", id, peer: host, memory: null, source: null, settings, ...about });
    expect(idsSeenBy(client)).toStrictEqual([]);
    apply({ kind: "patch", by: host, changes: { data: { [ADDRESS_KEY]: { value: ENET }, map: { value: "forest" } } } });
    expect(client.say("lobby/list?1")).toStrictEqual([
      `|1 ${id} name="From HTTP" player-count=1 player-capacity=4 map=forest`,
      "|1",
    ]);
    expect(client.say(`lobby/join?1 ${id}`)).toStrictEqual([`.1 ${ENET}`]);
    expect(client.say(`lobby/lock?1 ${id}`)[0]).toMatch(/^!1 UnauthorizedError /);
    apply({ kind: "patch", by: host, changes: { joinable: false } });
    expect(client.say(`lobby/join?1 ${id}`)[0]).toMatch(/^!1 LockedError /);
    apply({ kind: "close", by: host });
    expect(idsSeenBy(client)).toStrictEqual([]);
  });
});

describe("after its host's connection has closed", () => {
  test("a lobby stays for the grace period, then ends", () => {
    const rig = new Rig();
    const client = new NohubCaller(rig, "A");
    const id = create(client);
    client.close();
    const guest = new NohubCaller(rig, "B");
    rig.advance(NOHUB_GRACE_MS - 200);
    expect(idsSeenBy(guest)).toStrictEqual([id]);
    rig.advance(300);
    expect(idsSeenBy(guest)).toStrictEqual([]);
    expect(rig.hub.directory.size).toBe(0);
  });

  test.each([
    ["creates it again", (id: string, again: NohubCaller) => expect(create(again, `${ENET} map=new`)).toBe(id)],
    ["changes it", (id: string, again: NohubCaller) => again.say(`lobby/set-data?1 ${id} map=new`)],
  ])("a session of the same address that %s continues it", (_, returns) => {
    const rig = new Rig();
    const client = new NohubCaller(rig, "A");
    const id = create(client);
    client.close();
    const stranger = new NohubCaller(rig, "B");
    expect(create(stranger)).not.toBe(id);
    expect(stranger.say(`lobby/set-data?1 ${id} map=mine`)[0]).toMatch(/^!1 UnauthorizedError /);
    returns(id, new NohubCaller(rig, "A'"));
    rig.advance(NOHUB_GRACE_MS + 1_000);
    expect(rig.hub.lobby(id, "nohub")!.data).toMatchObject({ map: { value: "new" } });
  });

  test("also after a restart of the sidecar, which loses its memory", () => {
    const rig = new Rig();
    const kept = create(new NohubCaller(rig, "A"));
    const lost = create(new NohubCaller(rig, "C"), "enet://192.0.2.3:7000 name=Lost");
    rig.restart("north");
    const guest = new NohubCaller(rig, "B", "south");
    expect(create(new NohubCaller(rig, "A"))).toBe(kept);
    expect(idsSeenBy(guest).toSorted()).toStrictEqual([kept, lost].toSorted());
    rig.advance(NOHUB_GRACE_MS + 1_000);
    expect(rig.hub.lobby(lost, "nohub")).toBeUndefined();
    expect(idsSeenBy(guest)).toStrictEqual([kept]);
  });
});

describe("without the hub", () => {
  test("lobbies are created and listed at once, and the hub learns of them later", () => {
    const rig = new Rig();
    rig.disconnect("north");
    const client = new NohubCaller(rig, "A");
    const id = create(client);
    client.say(`lobby/set-data?1 ${id} map=forest`);
    expect(idsSeenBy(client)).toStrictEqual([id]);
    rig.advance(5_000);
    rig.reconnect("north");
    expect(rig.hub.lobby(id, "nohub")).toMatchObject({ join_uri: ENET, data: { map: { value: "forest" } } });
    expect(idsSeenBy(new NohubCaller(rig, "B", "south"))).toStrictEqual([id]);
  });
});

describe("limits", () => {
  test("of sessions per address: the next one gets an error and is closed", () => {
    const rig = new Rig();
    const callers = Array.from({ length: NOHUB_SESSIONS_PER_SOURCE_MAX + 1 }, () => new NohubCaller(rig, "A"));
    expect(callers.filter(({ isOpen }) => isOpen)).toHaveLength(NOHUB_SESSIONS_PER_SOURCE_MAX);
    expect(callers.at(-1)!.send("")).toBe('error LimitError "Can\'t have more than 64 active sessions per address!"\n');
    callers[0]!.close();
    expect(new NohubCaller(rig, "A").isOpen).toBe(true);
  });

  test.each([
    ["129 entries", Array.from({ length: 129 }, (_, at) => `k${at}=1`).join(" "), "LimitError"],
    ["a value of 1,025 characters", `k=${"x".repeat(1_025)}`, "LimitError"],
    ["a key with a space", '"a b"=1', "InvalidCommandError"],
    ["the key that the sidecar uses", "nohub_game=x", "InvalidCommandError"],
  ])("of data: %s is refused, and nothing changes", (_, data, name) => {
    const rig = new Rig();
    const client = new NohubCaller(rig, "A");
    const id = create(client);
    expect(client.say(`lobby/set-data?1 ${id} ${data}`)[0]).toMatch(new RegExp(`^!1 ${name} "`));
    expect(client.say(`lobby/get?1 ${id}`)).toStrictEqual([`.1 ${id} name=Nice`]);
    expect(client.say(`lobby/create?1 ${ENET} ${data}`)[0]).toMatch(new RegExp(`^!1 ${name} "`));
  });

  test("128 entries are stored", () => {
    const rig = new Rig();
    const client = new NohubCaller(rig, "A");
    client.say("session/set-game?1 forest");
    const id = create(client, `${ENET} ${Array.from({ length: 128 }, (_, at) => `k${at}=1`).join(" ")}`);
    expect(Object.keys(rig.hub.lobby(id, "nohub")!.data)).toHaveLength(129);
  });

  test("a flood of commands gets errors, and no other address notices", () => {
    const rig = new Rig();
    const client = new NohubCaller(rig, "A");
    const answers = Array.from({ length: 500 }, () => client.say("whereami?1")[0]!);
    expect(answers.filter((line) => line.startsWith("!1 LimitError "))).toHaveLength(100);
    expect(new NohubCaller(rig, "B").say("whereami?1")).toStrictEqual([".1 192.0.2.2"]);
  });

  test("lobbies of an address are limited, also those that wait for their host", () => {
    const rig = new Rig();
    let made = 0;
    for (let times = 0; times < LOBBIES_PER_SOURCE_MAX; times++) {
      const client = new NohubCaller(rig, "A");
      const answers = [0, 1].map((at) => client.say(`lobby/create?1 enet://192.0.2.1:${times}/${at}`)[0]!);
      made += answers.filter((answer) => answer.startsWith(".1 ")).length;
      client.close();
    }
    expect([made, rig.hub.directory.size]).toStrictEqual([LOBBIES_PER_SOURCE_MAX, LOBBIES_PER_SOURCE_MAX]);
    expect(new NohubCaller(rig, "A").say(`lobby/create?1 ${ENET}`)).toStrictEqual([
      `!1 LimitError "This address can't have more active lobbies now!"`,
    ]);
    expect(new NohubCaller(rig, "B").say(`lobby/create?1 ${ENET}`)[0]).toMatch(/^\.1 /);
    rig.advance(NOHUB_GRACE_MS + 200);
    expect(new NohubCaller(rig, "A").say(`lobby/create?1 ${ENET}`)[0]).toMatch(/^\.1 /);
  });

  test("a flood of changes gets errors, and does not reach the hub; the client can still read", () => {
    const rig = new Rig();
    const client = new NohubCaller(rig, "A");
    const id = create(client);
    const before = rig.sidecar().reports.length;
    const answers = Array.from({ length: 300 }, (_, at) => client.say(`lobby/set-data?1 ${id} at=${at}`)[0]!);
    // The creation was a change too.
    expect(answers.filter((line) => line === ".1 ok")).toHaveLength(NOHUB_CHANGES_BURST - 1);
    expect(answers.at(-1)).toBe('!1 LimitError "Too many changes!"');
    expect(rig.sidecar().reports.length - before).toBeLessThan(NOHUB_CHANGES_BURST);
    expect(client.say(`lobby/get?1 ${id}`)).toStrictEqual([`.1 ${id} at=${NOHUB_CHANGES_BURST - 2}`]);
  });

  test("a list of many lobbies counts as several commands", () => {
    const rig = new Rig();
    const count = NOHUB_LOBBIES_PER_COMMAND * 2 + 1;
    const items = Array.from({ length: count }, (_, at) => entryOf(`${at}`));
    rig.sidecar().directory.apply(7, { t: "directory", reset: false, items });
    const client = new NohubCaller(rig, "A");
    const lists = Array.from({ length: NOHUB_COMMANDS_BURST }, () => client.say("lobby/list?1").length);
    expect(lists.filter((lines) => lines === count + 1)).toHaveLength(Math.ceil(NOHUB_COMMANDS_BURST / 3));
  });

  test("commands beyond 8 KiB are discarded, and the connection stays", () => {
    const client = new NohubCaller(new Rig(), "A");
    expect(client.send("x".repeat(9_000))).toBe("");
    expect(client.say("whereami?1")).toStrictEqual([".1 192.0.2.1"]);
  });
});
