/** Both implementations of UDP sockets, so that a suite runs on each. */
import { openBatchedUdp } from "../../../udp-sidecar/sockets/udp/batched-udp.ts";
import { DGRAM_BACKEND } from "../../../udp-sidecar/sockets/udp/dgram-socket.ts";
import type { UdpBackend } from "../../../udp-sidecar/sockets/udp/udp-socket.ts";

/** Fails where the batched one is missing although this system has it. */
export const UDP_BACKENDS: readonly UdpBackend[] =
  process.platform === "linux" ? [await openBatchedUdp(), DGRAM_BACKEND] : [DGRAM_BACKEND];
