import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import * as limits from "#shared/limits.ts";
import { SIDECAR_PATTERN } from "#shared/link/decoders.ts";
import { UDP_WIRES } from "#shared/lobby/lobby.ts";
import { type Config, defaults, helpText, parseConfig } from "../../../udp-sidecar/config/config.ts";

import { ALPHABET } from "../../../udp-sidecar/config/noray.ts";

const KEY = { PARLEY_KEY: "sidecar-key-1" };

describe("settings", () => {
  test("all have a default, except the key", () => {
    const { key, hub, name, ...rest } = configOf([], KEY);
    expect([key.reveal(), hub.href]).toStrictEqual(["sidecar-key-1", "http://127.0.0.1:8787/"]);
    expect(name).toMatch(SIDECAR_PATTERN);
    expect(rest).toStrictEqual({
      region: "",
      addresses: [],
      listen: ["0.0.0.0", "::"],
      ports: [
        { port: 3_478, wires: UDP_WIRES, game: "default" },
        { port: 3_479, wires: ["native"], game: "default" },
        { port: 5_160, wires: ["dowsett"], game: "default" },
        { port: 8_809, wires: ["noray"], game: "default" },
        { port: 57_775, wires: ["rabid"], game: "default" },
      ],
      status: { host: "127.0.0.1", port: 9_464 },
      log: "info",
      log_file: "",
      receive_buffer_bytes: limits.RECEIVE_BUFFER_BYTES,
      udp: "auto",
      contacts_max: limits.CONTACTS_MAX,
      lobbies_per_source_max: limits.LOBBIES_PER_SOURCE_MAX,
      memberships_per_source_max: limits.MEMBERSHIPS_PER_SOURCE_MAX,
      stranger: { per_s: limits.UNKNOWN_SOURCE_PER_S, burst: limits.UNKNOWN_SOURCE_BURST },
      renewal: { per_s: limits.RENEWAL_PER_S, burst: limits.RENEWAL_BURST },
      list: { per_s: limits.LIST_PER_S, burst: limits.LIST_BURST },
      stun: { per_s: limits.STUN_PER_S, burst: limits.STUN_BURST },
      stun_all: { per_s: limits.STUN_ALL_PER_S, burst: limits.STUN_ALL_BURST },
      local_addresses: "always",
      relay_ports: { first: 49_152, last: 51_200 },
      relay_addresses: [],
      relay_peers: "public",
      relay_side: { per_s: limits.RELAY_SIDE_PER_S, burst: limits.RELAY_SIDE_PER_S },
      relay_source: { per_s: limits.RELAY_SOURCE_PER_S, burst: limits.RELAY_SOURCE_PER_S },
      relay_game: { per_s: limits.RELAY_GAME_PER_S, burst: limits.RELAY_GAME_PER_S },
      relay_bytes_max: limits.RELAY_BYTES_MAX,
      relay_lifetime_s: limits.RELAY_LIFETIME_S,
      relay_idle_s: limits.RELAY_IDLE_S,
      relay_places_per_source_max: limits.RELAY_SLOTS_PER_SOURCE_MAX,
      relay_drain_s: 0,
      tunnel: { address: null, port: 8_891, game: null },
      tunnel_url: "",
      tunnel_source_header: "",
      state: ".parley",
      dtls: "off",
      dtls_cert: "",
      dtls_key: "",
      dtls_sessions_max: limits.DTLS_SESSIONS_MAX,
      dtls_handshakes_max: limits.DTLS_HANDSHAKES_MAX,
      dtls_per_source_max: limits.DTLS_PER_SOURCE_MAX,
      dtls_handshake: { per_s: limits.DTLS_HANDSHAKE_PER_S, burst: limits.DTLS_HANDSHAKE_BURST },
      dtls_handshake_s: limits.DTLS_HANDSHAKE_S,
      dtls_idle_s: limits.DTLS_IDLE_S,
      dtls_mtu_bytes: limits.DTLS_MTU_BYTES,
      noray: { address: null, port: 8_890, game: "default" },
      noray_oid: { length: limits.NORAY_OID_LENGTH, alphabet: ALPHABET },
      noray_greeting: "off",
      noray_pid: { length: limits.NORAY_PID_LENGTH, alphabet: ALPHABET },
      noray_lookup: { per_s: limits.NORAY_LOOKUP_PER_S, burst: limits.NORAY_LOOKUP_BURST },
      tcp_proxies: [],
      noray_connections: {
        per_source_max: limits.NORAY_CONNECTIONS_PER_SOURCE_MAX,
        max: limits.NORAY_CONNECTIONS_MAX,
      },
      nohub: [9_980, 12_980].map((port) => ({ address: null, port, game: "default" })),
      nohub_grace_s: limits.NOHUB_GRACE_MS / 1_000,
    });
    expect(problemsOf([], {})).toStrictEqual([expect.stringMatching(/^PARLEY_KEY: /)]);
  });

  test("proxies are addresses and prefixes", () => {
    const proxiesOf = (text: string) => configOf([], { ...KEY, PARLEY_TCP_PROXIES: text }).tcp_proxies;
    expect(proxiesOf("192.0.2.1, 10.0.0.0/8,2001:DB8::/32")).toStrictEqual([
      { address: "192.0.2.1", bits: 32 },
      { address: "10.0.0.0", bits: 8 },
      { address: "2001:db8::", bits: 32 },
    ]);
    for (const wrong of ["proxy.example", "10.0.0.0/33", "10.0.0.0/", "::/129"]) {
      const problems = [expect.stringMatching(/^PARLEY_TCP_PROXIES: /)];
      expect(problemsOf([], { ...KEY, PARLEY_TCP_PROXIES: wrong })).toStrictEqual(problems);
    }
  });

  test("the certificate has two variables, and PARLEY_DTLS_CERT overrides DTLS_CERT", () => {
    const certOf = (env: Record<string, string>) => configOf([], { ...KEY, ...env }).dtls_cert;
    expect(certOf({ DTLS_CERT: "a.pem" })).toBe("a.pem");
    expect(certOf({ DTLS_CERT: "a.pem", PARLEY_DTLS_CERT: "" })).toBe("a.pem");
    expect(certOf({ DTLS_CERT: "a.pem", PARLEY_DTLS_CERT: "b.pem" })).toBe("b.pem");
    expect(configOf(["--dtls-key", "c.pem"], { ...KEY, DTLS_KEY: "d.pem" }).dtls_key).toBe("c.pem");
  });

  test("a flag overrides the environment, which overrides the default", () => {
    expect(configOf([], { ...KEY, PARLEY_REGION: "weur" }).region).toBe("weur");
    expect(configOf(["--region", "apac"], { ...KEY, PARLEY_REGION: "weur" }).region).toBe("apac");
    expect(configOf(["--region=apac", "--key=other"], KEY)).toMatchObject({ region: "apac" });
    expect(configOf(["--key=other"], KEY).key.reveal()).toBe("other");
    expect(configOf(["--region=apac", "--region=oc"], KEY).region).toBe("oc");
    // An empty flag counts as set.
    expect(configOf(["--region="], { ...KEY, PARLEY_REGION: "weur" }).region).toBe("");
  });

  test("every setting is a flag: its key with hyphens", () => {
    const { receive_buffer_bytes, stranger } = configOf(["--receive-buffer-bytes=8192", "--stranger", "1/2"], KEY);
    expect([receive_buffer_bytes, stranger]).toStrictEqual([8_192, { per_s: 1, burst: 2 }]);
  });
});

test("tunnels can be off, on another address, or behind a proxy", () => {
  expect(configOf(["--tunnel=off"], KEY).tunnel).toBe(null);
  expect(configOf(["--tunnel=[::1]:80"], KEY).tunnel).toStrictEqual({ address: "::1", port: 80, game: null });
  for (const at of ["", "0", "65536", "localhost:1", "1@game"]) {
    expect(problemsOf([`--tunnel=${at}`], KEY)).toStrictEqual([expect.stringMatching(/^--tunnel: /)]);
  }
  expect(configOf(["--tunnel-url=wss://relay.example/way"], KEY).tunnel_url).toBe("wss://relay.example/way");
  for (const url of ["https://relay.example", "wss://", "wss://a b"]) {
    expect(problemsOf([`--tunnel-url=${url}`], KEY)).toHaveLength(1);
  }
  expect(problemsOf(["--tunnel-source-header=X Y"], KEY)).toHaveLength(1);
});

test("STUN can be off", () => {
  expect(configOf(["--stun=off"], KEY).stun).toBe(null);
  expect(problemsOf(["--stun=0"], KEY)).toStrictEqual([expect.stringMatching(/^--stun: /)]);
});

describe("problems", () => {
  test("are reported together, each by its name and with the expected value", () => {
    const env = {
      PARLEY_HUB: "ftp://hub.example",
      PARLEY_NAME: "no spaces please",
      PARLEY_REGION: "Western Europe",
      PARLEY_ADDRESSES: "hub.example",
      PARLEY_LISTEN: "",
      PARLEY_GAME: "My Game",
      PARLEY_PORTS: "0",
      PARLEY_STATUS: "9464",
      PARLEY_RECEIVE_BUFFER_BYTES: "4 MiB",
      PARLEY_CONTACTS_MAX: "0",
      PARLEY_LOBBIES_PER_SOURCE_MAX: "-1",
      PARLEY_MEMBERSHIPS_PER_SOURCE_MAX: "1e3",
      PARLEY_STRANGER_RATE: "256",
      PARLEY_RENEWAL_RATE: "0/20",
      PARLEY_RELAY_PORTS: "51200-49152",
      PARLEY_RELAY_PEERS: "everybody",
      PARLEY_RELAY_SIDE_RATE: "131072/1024",
      PARLEY_STATE: "",
      PARLEY_DTLS: "yes",
      PARLEY_DTLS_HANDSHAKE_RATE: "32",
      PARLEY_DTLS_MTU_BYTES: "255",
      PARLEY_DTLS_IDLE_S: "2m",
      PARLEY_PROTS: "3478",
    };
    const problems = problemsOf(["--log", "loud", "--colour", "red", "stray"], env);
    const named = problems.map((problem) => problem.split(":", 1)[0]);
    const unknown = ["--colour", "PARLEY_PROTS"];
    const wrong = Object.keys(env).filter((name) => name !== "PARLEY_PROTS");
    for (const name of [...unknown, ...wrong, "PARLEY_KEY", "--log"]) {
      expect([name, named.filter((other) => other === name)]).toStrictEqual([name, [name]]);
    }
    expect(problems).toContain("--log: expected one of debug, info, warn, error, silent");
    expect(problems).toContain("PARLEY_CONTACTS_MAX: expected a whole number from 1 to 10000000");
    expect(problems).toContain("--colour: unknown setting");
    expect(problems).toContain("PARLEY_PROTS: unknown setting");
  });

  test.each([["--log"], ["--region"], ["--receive-buffer-bytes"]])("%s without a value is reported", (flag) => {
    expect(problemsOf([flag], KEY)).toStrictEqual([`${flag}: expected a value`]);
  });

  test.each(["-l", "-p", "--Log=info", "--PARLEY_LOG=info", "--no-log", "--__proto__=x"])(
    "an unknown flag is reported: %s",
    (flag) => {
      expect(problemsOf([flag], KEY)).toStrictEqual([expect.stringMatching(/unknown setting$/)]);
    },
  );

  test("a value without a flag is reported", () => {
    expect(problemsOf(["57775"], KEY)).toHaveLength(1);
    expect(problemsOf(["--", "--log=info"], KEY)).toHaveLength(1);
  });

  test("variables of other programs are ignored", () => {
    expect(
      problemsOf([], { ...KEY, PATH: "/bin", parley_log: "loud", XPARLEY_LOG: "loud", PARLEYX: "1" }),
    ).toStrictEqual([]);
  });
});

describe("a secret", () => {
  test("prints as *** unless it is revealed explicitly", () => {
    const config = configOf([], KEY);
    const { key } = config;
    const prints = [
      String(key),
      `${key}`,
      JSON.stringify(key),
      JSON.stringify(config),
      inspect(key),
      inspect(config, { depth: 9, showHidden: true }),
      inspect({ deep: { in: [key] } }, { depth: 9 }),
      Object.values(key).join(),
      String(Object.getOwnPropertyNames(key)),
      String(new Error(`with ${key}`)),
    ];
    for (const print of prints) expect(print).not.toContain("sidecar-key-1");
    expect([String(key), JSON.stringify(key), inspect(key)]).toStrictEqual(["***", '"***"', "***"]);
    expect(key.reveal()).toBe("sidecar-key-1");
  });

  test.each([
    ["a space in it", [], { PARLEY_KEY: "hunter2 hunter3" }],
    ["a comma in it, as if it were two", [], { PARLEY_KEY: "hunter2,hunter3" }],
    ["a line break behind it", [], { PARLEY_KEY: "hunter2\n" }],
    ["more than 512 characters", [], { PARLEY_KEY: "hunter2".repeat(100) }],
    ["letters that are not ASCII", [], { PARLEY_KEY: "hunter2é" }],
    ["a flag that is wrong", ["--key=hunter2,hunter3"], {}],
    ["a flag that is misspelt", ["--kye=hunter2"], KEY],
    ["a flag that is misspelt, and a space", ["--kye", "hunter2"], KEY],
    ["a space that the shell took for the end", ["--key", "key", "hunter2"], {}],
    ["a name of a variable that is misspelt", [], { ...KEY, PARLEY_KYE: "hunter2" }],
  ] as const)("is not repeated in the problem: %s", (_, argv, env) => {
    const problems = problemsOf(argv, env);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join("\n")).not.toContain("hunter");
  });

  test("is not repeated in the help", () => {
    expect(helpText()).not.toContain("***");
  });
});

describe("ports", () => {
  const portsOf = (ports: string, game = "default"): Config["ports"] =>
    configOf([], { ...KEY, PARLEY_PORTS: ports, PARLEY_GAME: game }).ports;

  test.each([
    ["1", [{ port: 1, wires: UDP_WIRES, game: "default" }]],
    ["65535=rabid", [{ port: 65_535, wires: ["rabid"], game: "default" }]],
    ["3478=rabid+noray", [{ port: 3_478, wires: ["rabid", "noray"], game: "default" }]],
    ["3478@chess", [{ port: 3_478, wires: UDP_WIRES, game: "chess" }]],
    ["3478=dowsett@chess-2", [{ port: 3_478, wires: ["dowsett"], game: "chess-2" }]],
    [
      " 1=rabid , 2=native@go ",
      [
        { port: 1, wires: ["rabid"], game: "default" },
        { port: 2, wires: ["native"], game: "go" },
      ],
    ],
  ] as const)("can be %j", (text, ports) => {
    expect(portsOf(text)).toStrictEqual(ports);
  });

  test("without a game belong to PARLEY_GAME", () => {
    expect(portsOf("1,2@go", "chess").map(({ game }) => game)).toStrictEqual(["chess", "go"]);
  });

  test.each([
    ["", "nothing"],
    ["0", "port 0"],
    ["65536", "a port too high"],
    ["-1", "a sign"],
    ["3478.5", "a fraction"],
    ["0x50", "hexadecimal"],
    ["http", "a word"],
    ["3478,", "a comma behind"],
    ["3478,,5160", "two commas"],
    ["3478;5160", "a semicolon"],
    ["3478=", "no wire after ="],
    ["3478=tcp", "an unknown wire"],
    ["3478=Rabid", "a wire with a capital"],
    ["3478=rabid+", "no wire after +"],
    ["3478=rabid,noray", "a comma between wires"],
    ["3478@", "no game after @"],
    ["3478@Chess", "a game with a capital"],
    ["3478@chess=rabid", "the game before the wires"],
    ["3478,3478", "a port twice"],
    ["3478=rabid,3478=noray", "a port twice, for two wires"],
    ["3478=rabid+rabid", "a wire twice, which would no longer have the port for itself"],
  ])("cannot be %j: %s", (text) => {
    expect(problemsOf([], { ...KEY, PARLEY_PORTS: text })).toStrictEqual([expect.stringMatching(/^PARLEY_PORTS: /)]);
  });
});

describe("noray's port", () => {
  test.each([
    ["3478", {}, { address: null, port: 8_890, game: "default" }],
    ["3478@mine,3479", {}, { address: null, port: 8_890, game: "mine" }],
    ["3478=rabid@mine,8809=noray@yours", {}, { address: null, port: 8_890, game: "yours" }],
    ["3478@mine,3479@yours", { PARLEY_NORAY: "[::1]:1@yours" }, { address: "::1", port: 1, game: "yours" }],
    ["57775=rabid", {}, null],
    ["3478", { PARLEY_NORAY: "off" }, null],
  ])("belongs to a game whose registrar has a port: %s %j", (ports, env, wanted) => {
    expect(configOf([], { ...KEY, PARLEY_PORTS: ports, ...env }).noray).toStrictEqual(wanted);
  });

  test("of a game without a registrar is reported", () => {
    const env = { ...KEY, PARLEY_PORTS: "57775=rabid@mine,8809=noray@yours", PARLEY_NORAY: "8890@mine" };
    expect(problemsOf([], env)).toStrictEqual(["PARLEY_NORAY: no UDP port of mine accepts noray"]);
  });
});

describe("addresses", () => {
  test.each([
    ["PARLEY_ADDRESSES", "addresses"],
    ["PARLEY_LISTEN", "listen"],
  ] as const)("in %s are canonicalized, and host names are refused", (name, key) => {
    expect(configOf([], { ...KEY, [name]: "192.0.2.1,2001:DB8:0::1,::ffff:192.0.2.2" })[key]).toStrictEqual([
      "192.0.2.1",
      "2001:db8::1",
      "192.0.2.2",
    ]);
    for (const text of ["localhost", "192.0.2.256", "192.0.2.1:3478", "[::1]", "192.0.2.1;192.0.2.2"]) {
      expect(problemsOf([], { ...KEY, [name]: text })).toStrictEqual([expect.stringMatching(new RegExp(`^${name}: `))]);
    }
  });

  test("PARLEY_LISTEN needs at least one; PARLEY_ADDRESSES can be empty", () => {
    expect(configOf([], { ...KEY, PARLEY_ADDRESSES: "" }).addresses).toStrictEqual([]);
    expect(problemsOf([], { ...KEY, PARLEY_LISTEN: "," })).toStrictEqual([
      expect.stringMatching(/^PARLEY_LISTEN: expected at least one/),
    ]);
  });
});

describe("each setting", () => {
  test.each([
    ["PARLEY_HUB", "https://hub.example/", "http://[::1]:8787"],
    ["PARLEY_NAME", "a", "eu-1.example_2", "x".repeat(64)],
    ["PARLEY_REGION", "", "weur", "eu-west-1"],
    ["PARLEY_GAME", "a", "my-game-2", "0"],
    ["PARLEY_STATUS", "off", "0.0.0.0:80", "[::1]:9464", "::1:9464"],
    ["PARLEY_LOG", "debug", "info", "warn", "error", "silent"],
    ["PARLEY_RECEIVE_BUFFER_BYTES", "4096", "1073741824"],
    ["PARLEY_CONTACTS_MAX", "1", "10000000"],
    ["PARLEY_LOBBIES_PER_SOURCE_MAX", "1", "1000000"],
    ["PARLEY_MEMBERSHIPS_PER_SOURCE_MAX", "1", "1000000"],
    ["PARLEY_STRANGER_RATE", "1/1", "9999999/9999999"],
    ["PARLEY_RENEWAL_RATE", "1/1"],
    ["PARLEY_NORAY", "off", "8890", "192.0.2.1:8890", "[::1]:8890", "::1:8890", "1@default", "127.0.0.1:65535@default"],
    ["PARLEY_NORAY_GREETING", "on", "off"],
    ["PARLEY_NORAY_OID", "words:3", "words:16", "21", "6:0123456789abcdefghijklmnopqrstuvwxyz", "30:01", "64"],
    ["PARLEY_NORAY_PID", "22", "128", "256", "128:01"],
    ["PARLEY_NORAY_LOOKUP_RATE", "1/1"],
    ["PARLEY_NORAY_CONNECTIONS", "1/1", "256/16384"],
  ])("%s accepts %j", (name, ...texts) => {
    for (const text of texts) expect([text, problemsOf([], { ...KEY, [name]: text })]).toStrictEqual([text, []]);
  });

  test.each([
    ["PARLEY_HUB", "", "hub.example", "ws://hub.example", "/hub"],
    ["PARLEY_NAME", "", "a b", "x".repeat(65), "a/b", "é"],
    ["PARLEY_REGION", "WEUR", "x".repeat(17), "a b"],
    ["PARLEY_GAME", "", "-a", "A", "x".repeat(33), "a/b"],
    ["PARLEY_STATUS", "", "on", "localhost:9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", ":9464"],
    ["PARLEY_LOG", "", "trace", "INFO"],
    ["PARLEY_RECEIVE_BUFFER_BYTES", "", "4095", "1073741825", "4k", "4096.5"],
    ["PARLEY_CONTACTS_MAX", "0", "10000001", "+1", "0x10"],
    ["PARLEY_STRANGER_RATE", "", "10", "10/", "/10", "10/0", "1.5/3", "10 / 20", "10000000/1"],
    ["PARLEY_RENEWAL_RATE", "0/1", "-1/1"],
    ["PARLEY_NORAY", "", "on", "0", "65536", "localhost:8890", "8890@", "8890@A", "8890@other", "300.0.0.1:8890"],
    ["PARLEY_NORAY_GREETING", "", "hi"],
    [
      "PARLEY_NORAY_OID",
      "words",
      "words:2",
      "words:17",
      "words:3:ab",
      "",
      "4",
      "5:0123456789",
      "29:01",
      "65",
      "8:aabc",
      "8:ab:cd",
      "40:a",
      "8:a b",
      "21:ab:",
    ],
    ["PARLEY_NORAY_PID", "21", "127:01", "257", "1000"],
    ["PARLEY_NORAY_CONNECTIONS", "", "256", "0/1", "256/"],
  ])("%s refuses %j", (name, ...texts) => {
    for (const text of texts) expect([text, problemsOf([], { ...KEY, [name]: text }).length]).toStrictEqual([text, 1]);
  });
});

describe("the reference", () => {
  test("lists every setting as flag and variable, with its default", () => {
    const text = helpText();
    for (const [name, value] of defaults()) {
      expect(text).toContain(`, ${name}=VALUE`);
      if (value !== "" && name !== "PARLEY_NAME") expect(text).toContain(`(default ${value})`);
    }
    // The default name is this machine's host name, so it is not shown.
    expect(text).not.toContain(`(default ${defaults().get("PARLEY_NAME")})`);
    for (const [, flag] of text.matchAll(/^ {2}--([a-z-]+) VALUE/gm)) {
      expect(problemsOf([`--${flag}`], KEY)).toContain(`--${flag}: expected a value`);
    }
  });
});

type Env = Readonly<Record<string, string | undefined>>;

function configOf(argv: readonly string[], env: Env): Config {
  const parsed = parseConfig(argv, env);
  if ("problems" in parsed) throw new Error(parsed.problems.join("\n"));
  return parsed.config;
}

function problemsOf(argv: readonly string[], env: Env): readonly string[] {
  const parsed = parseConfig(argv, env);
  return "problems" in parsed ? parsed.problems : [];
}
