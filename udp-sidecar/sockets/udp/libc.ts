/** The system calls for UDP in batches, called through koffi, and the memory that they read and write. Linux only. */
import { getSystemErrorName } from "node:util";

/** An address in C. */
export type Pointer = bigint;

type Calls = {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, name: Uint8Array, length: number): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  close(fd: number): number;
  recvmmsg(fd: number, messages: Pointer, count: number, flags: number, timeout: null): number;
  sendmmsg(fd: number, messages: Pointer, count: number, flags: number): number;
};

const DECLARATIONS: { readonly [K in keyof Calls]: string } = {
  socket: "int socket(int domain, int type, int protocol)",
  bind: "int bind(int fd, const uint8_t *name, uint32_t length)",
  setsockopt: "int setsockopt(int fd, int level, int option, const uint8_t *value, uint32_t length)",
  close: "int close(int fd)",
  recvmmsg: "int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)",
  sendmmsg: "int sendmmsg(int fd, void *messages, unsigned int count, int flags)",
};

export type Libc = Calls & {
  /** The name of the error of the last call, such as EAGAIN. */
  errorName(): string;
  /** Memory that never moves. It is zero, and pages that are not touched take no RAM. */
  allocate(bytes: number): { readonly at: Pointer; readonly bytes: ArrayBuffer };
};

/** Linux on these machines lays out `struct mmsghdr` as messages.ts expects: 64 bits, little endian. */
const MACHINES = ["x64", "arm64"];

/** Throws with a sentence if this system has no such calls, or koffi is not installed. */
export async function loadLibc(): Promise<Libc> {
  if (process.platform !== "linux" || !MACHINES.includes(process.arch)) {
    throw new Error(`only Linux on ${MACHINES.join(" or ")} has them`);
  }
  const koffi = await import("koffi").catch(() => {
    throw new Error("the optional package koffi is not installed, or has no build for this system");
  });
  const library = koffi.load(null);
  const calls = Object.entries(DECLARATIONS).map(([name, declaration]) => [name, library.func(declaration)]);
  return {
    ...(Object.fromEntries(calls) as Calls),
    errorName: () => getSystemErrorName(-koffi.errno()),
    allocate: (bytes) => {
      const at = koffi.alloc("uint8_t", bytes) as unknown as Pointer;
      return { at, bytes: koffi.view(at, bytes) };
    },
  };
}
