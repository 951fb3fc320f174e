import { expect, test } from "vitest";
import { CLOCK_SKEW_MS } from "#shared/limits.ts";
import { VERSION } from "#shared/version.ts";
import { findProblems } from "../../../udp-sidecar/config/self-check.ts";

const NOW = Date.UTC(2026, 0, 1);
const SETTINGS = {
  addresses: ["93.184.216.34"],
  listen: ["93.184.216.34"],
  relay_ports: { first: 49_152, last: 51_200 },
  noray_connections: { per_source_max: 256, max: 16_384 },
};
const FACTS = {
  own_addresses: ["127.0.0.1", "93.184.216.34"],
  files_max: 65_536,
  root: false,
  hub: { date_ms: NOW, version: VERSION },
  now: NOW,
};

test("a correct configuration has no findings", () => {
  expect(findProblems(SETTINGS, FACTS)).toStrictEqual([]);
  expect(findProblems(SETTINGS, { ...FACTS, files_max: null, hub: null })).toStrictEqual([]);
});

test.each<[string, Partial<typeof SETTINGS>, Partial<typeof FACTS>, string]>([
  ["no public address", { addresses: [] }, {}, "set PARLEY_ADDRESSES"],
  ["a NAT in front", { addresses: ["93.184.216.35"] }, {}, "93.184.216.35 is not an address of this machine"],
  ["a private address", { addresses: ["10.0.0.5"] }, { own_addresses: ["10.0.0.5"] }, "cannot be reached by players"],
  ["a low limit of open files", {}, { files_max: 1_024 }, "the limit of open files is 1024: raise it to 18688"],
  ["root", {}, { root: true }, "the sidecar runs as root"],
  ["a slow clock", {}, { now: NOW - CLOCK_SKEW_MS - 1_000 }, "the clock is 31 s behind the hub's"],
  ["a fast clock", {}, { now: NOW + 600_000 }, "the clock is 600 s ahead of the hub's"],
  ["another version", {}, { hub: { date_ms: NOW, version: "9.0.0" } }, "the hub is version 9.0.0"],
  [
    "several addresses behind one socket",
    { listen: ["0.0.0.0", "::"] },
    { own_addresses: ["93.184.216.34", "93.184.216.99", "::1"] },
    "a reply may leave from another one than got the request",
  ],
])("%s is one finding, with the fix", (_, settings, facts, says) => {
  const found = findProblems({ ...SETTINGS, ...settings }, { ...FACTS, ...facts });
  expect(found).toStrictEqual([expect.stringContaining(says)]);
});
