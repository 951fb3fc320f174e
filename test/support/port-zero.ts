/** Datagrams from source port 0: only a raw socket can send them, and Node has none; perl is part of every Debian. */
import { execFileSync } from "node:child_process";

/** It needs root. Where everything must be tested (CI), not being root is a failure. */
export const canSendFromPortZero = process.getuid?.() === 0 || process.env["CI"] !== undefined;

/** To a port of this machine, from it. */
export function sendFromPortZero(port: number, payload: string): void {
  const script = `
    use Socket;
    socket(my $raw, PF_INET, SOCK_RAW, 17) or die "raw socket: $!";
    my $payload = "${payload}";
    my $datagram = pack("nnnn", 0, ${port}, 8 + length $payload, 0) . $payload;
    send($raw, $datagram, 0, pack_sockaddr_in(0, inet_aton("127.0.0.1"))) or die "send: $!";
  `;
  execFileSync("perl", ["-e", script]);
}
