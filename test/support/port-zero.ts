/** Datagrams from source port 0. They need a raw socket, which Node lacks and Debian's perl has. */
import { execFileSync } from "node:child_process";

/** Whether this process is root, which raw sockets need; in CI it throws if not. */
export const canSendFromPortZero = process.getuid?.() === 0 || process.env["CI"] !== undefined;

/** Sends to a port of this machine. */
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
