/**
 * A session between noray 1.4.3 and a netfox client, as recorded on loopback. The sidecar generates the recorded ids;
 * everything else must match byte for byte.
 */
import { expect, test } from "vitest";
import { NORAY_PID, NORAY_TCP } from "../../support/commands.ts";
import { HOME, Rig } from "../../support/exchange.ts";

/** The client's port, the transport and the direction of a message; `tcp` to 8890, `udp` to 8809. */
const RECORDED = `
tcp 45478 > register-host
tcp 45478 < set-oid zGTjQcKd3YmoIs5hhjLX9
tcp 45478 < set-pid mfU9V5gNYhBmHyi40dWrpJDXA5yuxNHdwo_0QSbZIwI57txp676B4UN8IXB2ZGGifkeKlQOq8lflFDBa8_aIpDvIeF9dY-NryprKFxGHl9ATgIVXGsJueogfoEjaIPAX
udp 41867 > mfU9V5gNYhBmHyi40dWrpJDXA5yuxNHdwo_0QSbZIwI57txp676B4UN8IXB2ZGGifkeKlQOq8lflFDBa8_aIpDvIeF9dY-NryprKFxGHl9ATgIVXGsJueogfoEjaIPAX
udp 41867 < OK
tcp 45490 > register-host
tcp 45490 < set-oid eFfJ8ZvmumTNkA0yHako4
tcp 45490 < set-pid Q2mLHRnpydP92SDSfrAgjlQV0o0gLTsI29pd_CKYR2Bb9zOSpyZJDJfhxKsOU-6Lyl3liHRaGq9H4up-qQ978Oq8AiGrd_OJqfA6oXGfiKrVX5NWlJYcPFQJhL9Lp_sa
udp 59638 > Q2mLHRnpydP92SDSfrAgjlQV0o0gLTsI29pd_CKYR2Bb9zOSpyZJDJfhxKsOU-6Lyl3liHRaGq9H4up-qQ978Oq8AiGrd_OJqfA6oXGfiKrVX5NWlJYcPFQJhL9Lp_sa
udp 59638 < OK
tcp 45490 > connect zGTjQcKd3YmoIs5hhjLX9
tcp 45490 < connect 127.0.0.1:41867
tcp 45478 < connect 127.0.0.1:59638
tcp 45500 > register-host
tcp 45500 < set-oid OnBjRUEVe4EgSSH9kuCmi
tcp 45500 < set-pid FBlmj1-w8Nt0BINWUXAUKbZ29GniL3U6t2eW81rjVd1xXZSh0GzhlBWkJ80mw7mlMY08-5hIw8Gn0QzDCUKS9mZLJaQml2wMCZQV7VmXTNvX0N119G7Y8AbGn2YOewrM
udp 38499 > FBlmj1-w8Nt0BINWUXAUKbZ29GniL3U6t2eW81rjVd1xXZSh0GzhlBWkJ80mw7mlMY08-5hIw8Gn0QzDCUKS9mZLJaQml2wMCZQV7VmXTNvX0N119G7Y8AbGn2YOewrM
udp 38499 < OK
tcp 45516 > register-host
tcp 45516 < set-oid zruIgJ_oXh-0F5-mnmKk2
tcp 45516 < set-pid lhjqMb_BjunzPxxBhtJ01H4QtnEov0IKbzKKCiYcPEymWI_N1WJRyO-j3Gtyb8P_9yvyLPRnTlo7inDKEALfjHuEM5BdHzvSYdJPpBflWZItmoo5DtLzbXHRxROIgDFb
udp 52105 > lhjqMb_BjunzPxxBhtJ01H4QtnEov0IKbzKKCiYcPEymWI_N1WJRyO-j3Gtyb8P_9yvyLPRnTlo7inDKEALfjHuEM5BdHzvSYdJPpBflWZItmoo5DtLzbXHRxROIgDFb
udp 52105 < OK
tcp 45516 > connect-relay OnBjRUEVe4EgSSH9kuCmi
tcp 45516 < connect-relay 49200
tcp 45500 < connect-relay 49199
`;

type Line = { readonly tcp: boolean; readonly port: number; readonly says: boolean; readonly text: string };

const lines = RECORDED.trim()
  .split("\n")
  .map((line): Line => {
    const [, kind, port, way, text] = /^(tcp|udp) (\d+) ([<>]) (.+)$/.exec(line)!;
    return { tcp: kind === "tcp", port: Number(port), says: way === ">", text: text! };
  });

const written = (tcp: boolean, port: number, text: string): string => `${tcp ? "tcp" : "udp"} ${port} ${text}`;

test("a client that repeats the recording gets the recorded replies, over the same connection or socket", () => {
  const rig = new Rig({ wire: "noray" });
  const recordedIds = lines
    .filter(({ text }) => text.startsWith("set-"))
    .map(({ text }) => text.slice("set-xxx ".length));
  const ports = [49_200, 49_199];
  Object.assign(rig.sidecar().commands.out, {
    // The indexes of the recorded letters in the alphabet.
    random: () => Uint8Array.from(recordedIds.shift()!.split(""), (letter) => NORAY_PID.alphabet.indexOf(letter)),
    allocateRelay: () => ports,
  });
  for (const [at, { tcp, port, says, text }] of lines.entries()) {
    if (!says) continue;
    const sent = rig.send({ address: "127.0.0.1", port }, text, { via: tcp ? NORAY_TCP : HOME.via });
    const heard = sent.map(({ via, to, bytes }) => written(via === NORAY_TCP, to.port, bytes.toString()));
    const next = lines.findIndex((line, index) => index > at && line.says);
    const answers = lines.slice(at + 1, next === -1 ? undefined : next);
    // The order between two connections is not observable.
    expect(heard.toSorted()).toStrictEqual(answers.map((line) => written(line.tcp, line.port, line.text)).toSorted());
  }
  expect(recordedIds).toStrictEqual([]);
});

test("both ids are sent in one write, the OID first, each line with a line feed only", () => {
  const rig = new Rig({ wire: "noray" });
  const wrote: string[] = [];
  const { registry: board } = rig.sidecar().commands;
  const caller = board.open(
    { address: "127.0.0.1", send: (text) => void wrote.push(text), end: () => {}, destroy: () => {} },
    rig.now,
  );
  board.handleLine(caller!, "register-host", rig.now);
  expect(wrote).toHaveLength(1);
  expect(wrote[0]).toMatch(/^set-oid [A-Za-z0-9_-]{21}\nset-pid [A-Za-z0-9_-]{128}\n$/);
});
