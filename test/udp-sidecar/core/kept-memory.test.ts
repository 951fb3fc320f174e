/** What stays in a sidecar's memory, and what it takes with it. */
import { describe, expect, test } from "vitest";
import { UNRENEWED_CONTACTS_MIN } from "#shared/limits.ts";
import { joinBytes, ownBytes } from "#shared/net/own-bytes.ts";
import { endpointOf, Rig, SHARED_PORT } from "../../support/exchange.ts";
import { registering, sign } from "../../support/dowsett.ts";

describe("bytes that are kept", () => {
  test("share no memory with others, as small Buffers do", () => {
    const small = Buffer.from("small");
    expect(small.buffer.byteLength).toBeGreaterThan(1_000);
    for (const kept of [ownBytes(small), joinBytes(small.subarray(0, 2), small.subarray(2))]) {
      expect([Buffer.from(kept).toString(), kept.buffer.byteLength]).toStrictEqual(["small", 5]);
    }
    expect(joinBytes(new Uint8Array(0), new Uint8Array(0)).buffer.byteLength).toBe(0);
  });

  test("are the replies to keepalives of every contact", () => {
    for (const [wire, first] of [
      ["rabid", Buffer.from("h:Nice:Alice:4")],
      ["dowsett", sign(registering("Server"), "qUks5KzRDY")],
    ] as const) {
      const rig = new Rig({ wire });
      rig.send("A", first, { via: SHARED_PORT });
      const contacts = [...rig.sidecar().exchange.contacts.all()];
      const replies = contacts.flatMap(({ renewal_reply }) => renewal_reply);
      expect(replies).toHaveLength(1);
      for (const { length, buffer } of replies) expect(buffer.byteLength).toBe(length);
    }
  });
});

test("hosts that come and go do not take the place of a host that has not pinged yet", () => {
  const rig = new Rig({ limits: { contacts_max: UNRENEWED_CONTACTS_MIN, stranger: { per_s: 1e6, burst: 1e6 } } });
  rig.send("A", "h:Nice:Alice:4");
  for (let count = 0; count < 2 * UNRENEWED_CONTACTS_MIN; count++) {
    const from = { ...endpointOf("B"), port: 10_000 + count };
    rig.send(from, `h:Other${count}:Bob:4`);
    rig.send(from, `x:Other${count}:Bob`);
  }
  expect(Array.from(rig.sidecar().exchange.contacts.all(), ({ name }) => name)).toStrictEqual(["Nice"]);
});
