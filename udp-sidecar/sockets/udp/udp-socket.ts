/** A bound UDP socket, and what opens one. Two implementations: dgram-socket.ts, and batched-udp.ts on 64-bit Linux. */
import type { Endpoint } from "#shared/net/endpoint.ts";

export type UdpSocketOptions = {
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
};

export type UdpSocketHandlers = {
  /** A datagram. It may be kept. The kernel gave the endpoint, so its address is canonical; its port may be 0. */
  onDatagram(bytes: Uint8Array, from: Endpoint): void;
  /** A datagram was not sent, or receiving failed. */
  onError(kind: "send" | "receive"): void;
};

export type UdpSocket = {
  /** Sends or loses a datagram. While a datagram is handled it may wait until all that arrived with it are handled. */
  send(bytes: Uint8Array, to: Endpoint): void;
  /** Bytes that the kernel has not accepted yet. */
  queuedBytes(): number;
  /** Requests this receive buffer and returns the granted one. */
  setReceiveBuffer(bytes: number): number;
  /** Closes the socket after the last datagram was sent. Nothing is received any more. */
  close(): Promise<void>;
  /** Closes the socket at once, so that its port is free. Datagrams that the kernel has not accepted are lost. */
  discard(): void;
};

export type UdpBackend = {
  readonly name: "batched" | "dgram";
  /** Opens a socket, and throws the system's error if that fails. */
  open(options: UdpSocketOptions, handlers: UdpSocketHandlers): UdpSocket;
};
