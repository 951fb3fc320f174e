/** Helpers of the Rabid peer: a promise that is settled later, a resolved server name, a bound socket. */
import type { Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { isIPv4 } from "node:net";
import type { Endpoint } from "../util/addresses.ts";
import { RabidFailure } from "./events.ts";
import { SERVER_PORT } from "./limits.ts";

/** A promise with its settling functions. */
export type Deferred<T> = {
  readonly promise: Promise<T>;
  readonly done: (value: T) => void;
  readonly failed: (error: Error) => void;
};

export function deferred<T>(): Deferred<T> {
  let done: (value: T) => void = nothing;
  let failed: (error: Error) => void = nothing;
  const promise = new Promise<T>((resolve, reject) => {
    done = resolve;
    failed = reject;
  });
  // A caller need not await every promise. One that does gets the failure from its own `await`.
  promise.catch(() => {});
  return { promise, done, failed };
}

const nothing = (): void => {};

/** `host` or `host:port` as an IPv4 endpoint. */
export async function resolveServer(server: string): Promise<Endpoint> {
  const [, host = "", digits] = /^([^:]+)(?::([0-9]{1,5}))?$/.exec(server) ?? [];
  const port = digits === undefined ? SERVER_PORT : Number(digits);
  if (host === "" || port < 1 || port > 65_535) throw new RangeError("the server must be host or host:port");
  if (isIPv4(host)) return { address: host, port };
  try {
    // The wire carries no IPv6 addresses, so the server must see an IPv4 one.
    return { address: (await lookup(host, { family: 4 })).address, port };
  } catch (error) {
    throw new RabidFailure("server_not_found", error instanceof Error ? error.message : undefined);
  }
}

/** Binds a socket, unless it is bound. */
export function bindSocket(socket: Socket, port: number, address: string): Promise<void> {
  try {
    socket.address();
    return Promise.resolve();
  } catch {
    // Not bound: `address` throws.
  }
  return new Promise((done, failed) => {
    socket.once("error", failed);
    socket.bind(port, address, () => {
      socket.off("error", failed);
      done();
    });
  });
}
