/** Requests of the wires, as the load generators send them. */
import { NATIVE_REQUEST_BYTES_MIN } from "#shared/limits.ts";
import { packetHash } from "../../udp-sidecar/protocols/dowsett-packet.ts";

const PASSWORD = "abcdefghij";

export const STUN = Buffer.from("000100002112a442".padEnd(40, "a"), "hex");

export const text = (message: string): Uint8Array => Buffer.from(message);

/** A native observation request with a ticket of this hub. */
export async function observationRequest(hub: string): Promise<Uint8Array> {
  const response = await fetch(`${hub}/v1/games/default/peers`, { method: "POST" });
  const { udp_token } = (await response.json()) as { udp_token: string };
  return text(`see ${udp_token}`.padEnd(NATIVE_REQUEST_BYTES_MIN));
}

export function registration(name: string): Uint8Array {
  const local = { "local-address": ["192.168.0.2", 4_242], "password-required": false };
  const fields = { __type: "registering-server", "seconds-before-expiry": 60, password: PASSWORD, ...local };
  return signed(name, fields);
}

export function refresh(name: string): Uint8Array {
  return signed(name, { __type: "refreshing-server-registration", "seconds-before-expiry": 60 });
}

export function list(): Uint8Array {
  return signed(null, { __type: "requesting-server-list", password: PASSWORD });
}

function signed(sender: string | null, fields: Record<string, unknown>): Uint8Array {
  const all = { ...fields, "__sender-name": sender, "__destination-name": "_HANDSHAKE_SERVER" };
  return Buffer.from(JSON.stringify({ ...all, "__hash-string": packetHash(all, PASSWORD) }));
}
