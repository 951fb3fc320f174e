/** Chooses how the sidecar receives and sends UDP: in batches where the system has the calls, else with Node's sockets. */
import type { Logger } from "pino";
import { DGRAM_BACKEND } from "./dgram-socket.ts";
import { openBatchedUdp } from "./batched-udp.ts";
import type { UdpBackend } from "./udp-socket.ts";

/** The backend, and why it does not use batches (null if it does). */
export type ChosenBackend = { readonly backend: UdpBackend; readonly why: string | null };

export async function chooseUdpBackend(udp: "auto" | "dgram"): Promise<ChosenBackend> {
  if (udp === "dgram") return { backend: DGRAM_BACKEND, why: "PARLEY_UDP=dgram" };
  try {
    return { backend: await openBatchedUdp(), why: null };
  } catch (error) {
    return { backend: DGRAM_BACKEND, why: (error as Error).message };
  }
}

export function logBackend({ why }: ChosenBackend, log: Logger): void {
  if (why === null) log.info("UDP is received and sent in batches");
  else log.warn({ why }, "UDP is received and sent without batches, which costs more CPU time");
}
