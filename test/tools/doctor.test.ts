/** The doctor's conclusions from what it has measured. The journey test has its measurements. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { checkAddresses } from "../../tools/doctor/addresses.ts";
import { checkNat } from "../../tools/doctor/nat.ts";
import { parseMappedAddress } from "../../tools/doctor/stun.ts";
import { bindingResponse } from "../../udp-sidecar/protocols/stun.ts";

test.each([
  ["a private sidecar", "10.9.0.2"],
  ["a public sidecar", "20.0.0.10"],
])("a private address behind SNAT is a fault for %s, and is not taken for a public one", (_, sidecar) => {
  const mapped = [{ address: "10.9.0.1", port: 40_000 }];
  const [finding] = checkNat(["192.168.1.5"], sidecar, { port: 40_000, mapped });
  expect(finding).toMatchObject({ state: "fault", text: expect.stringContaining("10.9.0.1") as string });
  expect(finding!.text).not.toContain("public address");
});

test.each(["20.0.0.5", "2a00:20::5", "2a00:0:0:1::"])(
  "the endpoint %s is read from a sidecar's response as it is",
  (address) => {
    const transaction = randomBytes(12);
    const request = Buffer.concat([Buffer.from("000100002112a442", "hex"), transaction]);
    const response = bindingResponse(request, { address, port: 40_000 });
    expect(parseMappedAddress(Buffer.from(response as Uint8Array), transaction)).toStrictEqual({
      address,
      port: 40_000,
    });
  },
);

test("this machine's own private address is no fault", () => {
  const mapped = [{ address: "10.9.0.1", port: 40_000 }];
  const states = checkNat(["10.9.0.1"], "10.9.0.2", { port: 40_000, mapped }).map(({ state }) => state);
  expect(states).toEqual(["ok", "ok"]);
});

test("a sidecar that advertises only IPv6 is a fault", async () => {
  const [finding] = await checkAddresses({ v4: [], v6: ["2a00::10"], ports: [] }, "2a00::10");
  expect(finding).toMatchObject({ state: "fault", next: "add its IPv4 address to PARLEY_ADDRESSES" });
});
