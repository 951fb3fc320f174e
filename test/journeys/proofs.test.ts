/** A host verifies members offline, with the keys of a real hub. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ParleyClient } from "../../clients/typescript/src/node/client.ts";
import { ProofVerifier } from "../../clients/typescript/src/lobby/proofs.ts";
import { TestStack } from "../support/test-stack.ts";

let stack: TestStack;
const clients: ParleyClient[] = [];
beforeAll(async () => {
  stack = await TestStack.open();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(() => stack?.close());

async function client(): Promise<ParleyClient> {
  const opened = await ParleyClient.open({ url: stack.url });
  clients.push(opened);
  return opened;
}

test("a member's proof names it to the host while the hub is down, and no altered proof does", async () => {
  const [host, guest] = [await client(), await client()];
  const { lobby } = await host.host({ name: "Nice", seats: 4 });
  const { proof } = await guest.join({ id: lobby.id });
  const verifier = new ProofVerifier(stack.url);
  await verifier.loadKeys();
  await stack.killHub();

  const member = { peer_id: guest.id, lobby_id: lobby.id };
  expect(await verifier.verify(proof!, { lobby_id: lobby.id })).toMatchObject(member);
  const [header, claims, signature] = proof!.split(".") as [string, string, string];
  const forged = Buffer.from(JSON.stringify({ aud: "parley:default", sub: host.id, lobby_id: lobby.id, exp: 9e9 }));
  const none = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
  const other_key = Buffer.from(JSON.stringify({ alg: "EdDSA", kid: "unknown1" })).toString("base64url");
  for (const altered of [
    `${header}.${forged.toString("base64url")}.${signature}`,
    `${none}.${claims}.`,
    `${other_key}.${claims}.${signature}`,
    `${header}.${claims}.${"A".repeat(signature.length)}`,
    `${proof!}.more`,
    "",
    "...",
    host.hub.token!,
  ]) {
    expect([altered, await verifier.verify(altered)]).toStrictEqual([altered, null]);
  }
  expect(await verifier.verify(proof!, { lobby_id: "0-other" })).toBeNull();
  expect(await verifier.verify(proof!, { now: Date.now() + 3_600_000 })).toBeNull();
  expect(await new ProofVerifier(stack.url, "arena").verify(proof!)).toBeNull();
  await stack.startHub();
  expect(await new ProofVerifier(stack.url).verify(proof!)).toMatchObject(member);
});
