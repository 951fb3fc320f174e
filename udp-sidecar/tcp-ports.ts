/** The TCP ports of noray and nohub: opens them, and connects their sessions to the games. */
import { NOHUB_UNREAD_BYTES_MAX, NORAY_UNREAD_BYTES_MAX } from "#shared/limits.ts";
import type { Config } from "./config/config.ts";
import type { Game } from "./game.ts";
import type { NohubSessions } from "./nohub/sessions.ts";
import type { NoraySessions } from "./noray/sessions.ts";
import { GREETING, LineReader } from "./protocols/noray.ts";
import { type TcpConnection, TcpPort, type TcpPortOptions, type TcpSession } from "./sockets/tcp-port.ts";

/** Opens all of them or none. Rejects with the port and the reason. */
export async function openTcpPorts(
  { noray, noray_greeting, nohub, listen, tcp_proxies: proxies }: Config,
  gameOf: (name: string) => Game,
  context: Pick<TcpPortOptions, "counters" | "clock" | "onFault">,
): Promise<TcpPort[]> {
  const opened: TcpPort[] = [];
  const open = async (
    at: { readonly address: string | null; readonly port: number },
    options: Pick<TcpPortOptions, "what" | "unread_bytes_max" | "accept">,
  ): Promise<void> => {
    const addresses = at.address === null ? listen : [at.address];
    opened.push(await TcpPort.open({ ...options, listen: addresses, port: at.port, proxies, ...context }));
  };
  try {
    const norays = noray === null ? null : gameOf(noray.game).noray;
    if (noray !== null && norays !== null) {
      const accept = (connection: TcpConnection) => {
        const session = acceptNoray(norays, connection, context.clock.now());
        if (session !== null && noray_greeting === "on") connection.send(GREETING);
        return session;
      };
      await open(noray, { what: "noray", unread_bytes_max: NORAY_UNREAD_BYTES_MAX, accept });
    }
    for (const at of nohub) {
      const sessions = gameOf(at.game).nohub;
      const accept = (connection: TcpConnection) => acceptNohub(sessions, connection);
      await open(at, { what: "nohub", unread_bytes_max: NOHUB_UNREAD_BYTES_MAX, accept });
    }
  } catch (error) {
    await Promise.all(opened.map((port) => port.close()));
    throw error;
  }
  return opened;
}

function acceptNoray(sessions: NoraySessions, connection: TcpConnection, opened_at: number): TcpSession | null {
  const { endpoint, send, end, destroy } = connection;
  const session = sessions.open({ address: endpoint.address, send, end, destroy }, opened_at);
  if (session === null) return null;
  const lines = new LineReader();
  return {
    receive: (bytes, now) => {
      for (const line of lines.read(bytes)) sessions.handleLine(session, line, now);
    },
    endInput: (now) => {
      // The end of the stream also ends the last line.
      const last = lines.end();
      if (last !== null) sessions.handleLine(session, last, now);
      sessions.endInput(session);
    },
    close: () => sessions.close(session),
  };
}

function acceptNohub(sessions: NohubSessions, connection: TcpConnection): TcpSession | null {
  const session = sessions.open(connection);
  if (session === null) return null;
  return {
    receive: (bytes, now) => sessions.receive(session, bytes, now),
    // Every answer has been sent.
    endInput: () => connection.end(),
    close: (now) => sessions.close(session, now),
  };
}
