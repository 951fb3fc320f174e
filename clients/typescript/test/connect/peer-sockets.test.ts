/**
 * A peer that states a false endpoint, with the real sockets of one connection: how many datagrams reach a host that
 * never answers.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { expect, test } from "vitest";
import { Peer } from "../../src/connect/peer.ts";
import { UNANSWERED_MAX } from "../../src/punch/limits.ts";
import type { Plan } from "../../src/punch/plan.ts";

const END = "end";

/** A socket that never answers. The end marker arrives after everything before it. */
async function silentAt(address: string): Promise<{ port: number; until: () => Promise<number> }> {
  const socket: Socket = createSocket({ type: "udp4", recvBufferSize: 1 << 22 }).bind(0, address);
  await once(socket, "listening");
  const { port } = socket.address();
  let received = 0;
  const over = new Promise<void>((done) => {
    socket.on("message", (bytes) => (bytes.toString() === END ? done() : void received++));
  });
  const until = async (): Promise<number> => {
    socket.send(END, port, address);
    await over;
    socket.close();
    return received;
  };
  return { port, until };
}

test("a false endpoint of a peer receives a bounded number of datagrams, and a special range none", async () => {
  const [told, own] = [await silentAt("127.0.0.1"), await silentAt("127.0.0.2")];
  const plan: Plan = {
    targets: [
      { kind: "reflexive", address: "127.0.0.1", port: told.port },
      { kind: "host", address: "127.0.0.2", port: own.port },
    ],
    sockets: 1e9,
    spray: {
      address: "127.0.0.1",
      first_port: told.port,
      step: 1,
      ports: 1,
      order: "in_a_row",
      probes: 1e9,
      after_ms: 0,
    },
    per_s: 1e9,
    nominates: true,
    same_network: true,
    first_hops: null,
    give_up_ms: 3_000,
  };
  const nothing = (): void => {};
  const ended = new Promise<string>((done) => {
    const around = { upgrade: nothing, needsRelay: nothing, relaySilent: nothing, closed: nothing };
    const peer = new Peer("liar", {
      ...around,
      punched: (outcome) => {
        done(outcome.kind);
        peer.close();
      },
    });
    peer.startPunch(plan, { key: new Uint8Array(32).fill(5), epoch: 0, role: "a" }, 0);
  });
  expect(await ended).toBe("given_up");
  const received = await told.until();
  expect(received).toBeGreaterThan(0);
  expect(received).toBeLessThanOrEqual(UNANSWERED_MAX);
  expect(await own.until()).toBe(0);
});
