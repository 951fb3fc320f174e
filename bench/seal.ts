/** Benchmarks encryption: the client's sealed datagrams, and this runtime's ciphers alone. */
import { createCipheriv, createSecretKey, randomBytes } from "node:crypto";
import { Seal } from "../clients/typescript/src/secure/seal.ts";

/** Payload sizes in bytes: a game's input, its state, and the largest payload that fits every path. */
export const SIZES: readonly number[] = [32, 200, 1_200];
const TIMES = 50_000;

/** Datagrams per CPU-second, encrypted by one side and decrypted by the other. */
export function measureSeal(bytes: number): number {
  const key = randomBytes(32);
  const [a, b] = [new Seal({ key, epoch: 0, role: "a" }), new Seal({ key, epoch: 0, role: "b" })];
  const body = randomBytes(bytes);
  return perCpuSecond(() => {
    if (b.open(a.seal(body, 0), 0) === null) throw new Error("a datagram was not opened");
  });
}

/** Encryptions per CPU-second, with a new cipher object for each, as datagrams need it. */
export const CIPHERS: readonly (readonly [string, (bytes: number) => number])[] = (
  [
    ["aes-256-gcm", 32],
    ["aes-128-gcm", 16],
    ["chacha20-poly1305", 32],
  ] as const
).map(([name, length]) => [`${name}, encryption only`, (bytes) => measureCipher(name, length, bytes)]);

function measureCipher(
  name: "aes-256-gcm" | "aes-128-gcm" | "chacha20-poly1305",
  length: number,
  bytes: number,
): number {
  const [key, nonce, body] = [createSecretKey(randomBytes(length)), Buffer.alloc(12), randomBytes(bytes)];
  let count = 0;
  return perCpuSecond(() => {
    nonce.writeUInt32BE(count++, 8);
    const cipher =
      name === "chacha20-poly1305"
        ? createCipheriv(name, key, nonce, { authTagLength: 16 })
        : createCipheriv(name, key, nonce);
    cipher.update(body);
    cipher.final();
    cipher.getAuthTag();
  });
}

function perCpuSecond(once: () => void): number {
  for (let warm = 0; warm < TIMES / 10; warm++) once();
  const before = process.cpuUsage();
  for (let time = 0; time < TIMES; time++) once();
  const { user, system } = process.cpuUsage(before);
  return TIMES / ((user + system) / 1_000_000);
}
