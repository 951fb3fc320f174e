/**
 * The attacks that use a sidecar to send a victim more than the attacker sends. Each forges the source of every datagram,
 * as its victim, from a network namespace.
 */
import { joining, listing, registering, sign } from "../support/dowsett.ts";

/** Sends a datagram from this port of the branch's victim, or of the n-th of several. */
export type Forge = (
  port: number,
  bytes: string | Uint8Array,
  to: "rabid" | "dowsett",
  victim?: number,
) => Promise<void>;

export type Branch = {
  readonly name: string;
  /** The ratio that was measured without the send credit. */
  readonly before: number;
  /** `short`: a single burst, which the allowance covers. `long`: repeated. `list`: documented separately. */
  readonly kind: "short" | "long" | "list";
  readonly victims?: number;
  /** Lobbies start, and start lines have a separate allowance. */
  readonly starts?: true;
  readonly run: (forge: Forge, settled: () => Promise<void>) => Promise<void>;
};

const PASSWORD = "aaaaaaaaaa";
const FIRST = 5_000;

const host = async (forge: Forge, settled: () => Promise<void>, session: string, guests: number, victim = 0) => {
  await forge(FIRST, `h:${session}:P0:12`, "rabid", victim);
  await settled();
  for (let guest = 1; guest <= guests; guest++) await forge(FIRST + guest, `c:${session}:P${guest}`, "rabid", victim);
  await settled();
};

export const BRANCHES: readonly Branch[] = [
  {
    name: "Rabid: invalid requests",
    before: 21,
    kind: "long",
    run: async (forge) => {
      for (let count = 0; count < 1_000; count++) await forge(FIRST, "?", "rabid");
    },
  },
  {
    name: "Rabid: a lobby of twelve starts",
    before: 346,
    kind: "short",
    starts: true,
    run: async (forge, settled) => {
      await host(forge, settled, "Twelve", 11);
      await forge(FIRST, "s:Twelve:P0", "rabid");
    },
  },
  {
    name: "Rabid: a lobby of two starts",
    before: 34,
    kind: "short",
    starts: true,
    run: async (forge, settled) => {
      await host(forge, settled, "Two", 1);
      await forge(FIRST, "s:Two:P0", "rabid");
    },
  },
  {
    name: "Rabid: a lobby of twelve falls silent",
    before: 35,
    kind: "short",
    run: (forge, settled) => host(forge, settled, "Silent", 11),
  },
  {
    name: "Rabid: lobbies of four, twenty in turn",
    before: 22,
    kind: "long",
    starts: true,
    run: async (forge, settled) => {
      for (let round = 0; round < 20; round++) {
        await host(forge, settled, `Round${round}`, 3);
        await forge(FIRST, `s:Round${round}:P0`, "rabid");
      }
    },
  },
  {
    name: "Rabid: the pings of a lobby of twelve",
    before: 10,
    kind: "long",
    run: async (forge, settled) => {
      await host(forge, settled, "Pings", 11);
      for (let round = 0; round < 10; round++) {
        for (let member = 0; member < 12; member++) await forge(FIRST + member, `p:Pings:P${member}`, "rabid");
        await settled();
      }
    },
  },
  {
    name: "Rabid: a lobby of four at each of 64 victims",
    before: 10,
    kind: "short",
    victims: 64,
    starts: true,
    run: async (forge, settled) => {
      for (let victim = 0; victim < 64; victim++) {
        await host(forge, settled, `Many${victim}`, 3, victim);
        await forge(FIRST, `s:Many${victim}:P0`, "rabid", victim);
      }
    },
  },
  {
    name: "Dowsett: host and guest are the victim",
    before: 8.8,
    kind: "short",
    run: async (forge, settled) => {
      await forge(FIRST, sign(registering("V"), PASSWORD), "dowsett");
      await settled();
      await forge(FIRST + 1, sign(joining("V", "W"), PASSWORD), "dowsett");
      await settled();
    },
  },
  {
    name: "Dowsett: twenty guests of a host, all are the victim",
    before: 4.4,
    kind: "long",
    run: async (forge, settled) => {
      await forge(FIRST, sign(registering("Host"), PASSWORD), "dowsett");
      await settled();
      for (let guest = 0; guest < 20; guest++) {
        await forge(FIRST + 1, sign(joining("Host", `G${guest}`), PASSWORD), "dowsett");
        await settled();
      }
    },
  },
  {
    name: "Dowsett: lists",
    before: 5,
    kind: "list",
    run: async (forge) => {
      for (let count = 0; count < 20; count++) await forge(FIRST, sign(listing(), PASSWORD), "dowsett");
    },
  },
  {
    name: "STUN: Binding requests",
    before: 1.6,
    kind: "long",
    run: async (forge) => {
      for (let count = 0; count < 400; count++) await forge(FIRST, stunRequest(count), "rabid");
    },
  },
];

function stunRequest(transaction: number): Uint8Array {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt16BE(1);
  bytes.writeUInt32BE(0x2112_a442, 4);
  bytes.writeUInt32BE(transaction, 16);
  return bytes;
}

export type Measured = { readonly branch: Branch; readonly sent: number; readonly received: number };

export const ratio = ({ sent, received }: Measured): number => received / sent;

const BEGIN = "<!-- measured: npm run attack -- --write -->";
const END = "<!-- end -->";

/** The table of docs/operate/security.md. */
export function tableOf(measured: readonly Measured[]): string {
  const rows = measured.map((one) => {
    const { branch, sent, received } = one;
    return `| ${branch.name} | ${sent} | ${received} | ${branch.before} | ${ratio(one).toFixed(1)} |`;
  });
  return [
    "| forged requests | bytes sent | bytes at the victim | ratio without credit | ratio |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

/** The page with this table. */
export function pageWith(page: string, table: string): string {
  const [head, rest] = page.split(BEGIN);
  const tail = rest?.split(END)[1];
  if (head === undefined || tail === undefined) throw new Error(`the page must contain ${BEGIN} and ${END}`);
  return `${head}${BEGIN}\n\n${table}\n\n${END}${tail}`;
}

/** An address for each victim. */
export const addressOf = (branch: number, victim: number): string => `20.0.${60 + branch}.${1 + victim}`;
export const VICTIM_PORTS = `${FIRST}-${FIRST + 12}`;
