import { describe, expect, test } from "vitest";
import { identityOf, parseIdentity } from "#shared/settings/identity.ts";

const KEY = "identity-key-of-the-tests-which-stays";
const STEAM = { name: "steam", kind: "steam", app_id: 480, web_api_key: "ABC" };
const OIDC = { name: "home", kind: "oidc", issuer: "https://id.example", audience: "client" };

const faultsOf = (value: unknown, key = KEY): readonly string[] =>
  parseIdentity(typeof value === "string" ? value : JSON.stringify(value), key).faults;

describe("IDENTITY", () => {
  test("names providers per game, and * is every other game", () => {
    const parsed = parseIdentity(
      JSON.stringify({ arena: { required: true, providers: [STEAM] }, "*": { required: false, providers: [OIDC] } }),
      KEY,
    );
    expect(parsed.faults).toStrictEqual([]);
    expect(identityOf(parsed, "arena")?.providers).toStrictEqual([STEAM]);
    expect(identityOf(parsed, "quest")?.providers).toStrictEqual([OIDC]);
    expect(identityOf(parseIdentity("", ""), "arena")).toBe(null);
  });

  test("every fault is reported by the setting's name and place", () => {
    const value = {
      Arena: { required: true, providers: [] },
      quest: { required: "yes", providers: [{ ...STEAM, app_id: 0 }] },
    };
    expect(faultsOf(value, "short").length).toBeGreaterThanOrEqual(3);
    expect(faultsOf(value, "short").every((fault) => /^IDENTITY(_KEY)?: /.test(fault))).toBe(true);
    expect(faultsOf("{")).toStrictEqual(["IDENTITY: JSON expected"]);
    expect(faultsOf({ arena: { required: false, providers: [STEAM, STEAM] } })).toStrictEqual([
      "IDENTITY: /arena/providers: two providers have one name",
    ]);
    const plain = { arena: { required: false, providers: [{ ...OIDC, issuer: "http://id.example" }] } };
    expect(faultsOf(plain)).toContainEqual(expect.stringMatching(/^IDENTITY: \/arena\/providers\/0/));
  });

  test("a setting with a fault serves nobody under a wrong identity", () => {
    const parsed = parseIdentity(JSON.stringify({ arena: { required: false, providers: [STEAM] } }), "short");
    expect(identityOf(parsed, "arena")).toBe(null);
  });
});
