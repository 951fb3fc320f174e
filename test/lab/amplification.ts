/**
 * The attacks that use a sidecar to send a victim more than the attacker sends. Each forges the source of every datagram,
 * as its victim, from a network namespace.
 */
import { CREDIT_ALLOWANCE_BYTES, CREDIT_EARLY_BYTES, CREDIT_EARLY_FACTOR, CREDIT_FACTOR } from "#shared/limits.ts";
import { withGeneratedPart } from "../../tools/generate/generated-part.ts";
import { joining, listing, registering, sign } from "../support/dowsett.ts";

/** Sends a datagram from this port of the branch's victim, or of the n-th of several. */
export type Forge = (port: number, bytes: string | Uint8Array, to: "rabid" | "dowsett", victim?: number) => void;

/** Sends the requests once. `settled`: the sidecar has handled what was sent. `round`: distinguishes names. */
type Run = (forge: Forge, settled: () => Promise<void>, round: string, victims: number) => Promise<void>;

export type Branch = {
  readonly name: string;
  /** The ratio that was measured without the send credit. */
  readonly before: number;
  /** Requests for lists need no credit. */
  readonly isList?: true;
  readonly victims?: number;
  readonly run: Run;
};

const PASSWORD = "aaaaaaaaaa";
const FIRST = 5_000;

const host = async (forge: Forge, settled: () => Promise<void>, session: string, guests: number) => {
  forge(FIRST, `h:${session}:P0:12`, "rabid");
  await settled();
  for (let guest = 1; guest <= guests; guest++) forge(FIRST + guest, `c:${session}:P${guest}`, "rabid");
  await settled();
};

const lobbyStarts =
  (guests: number): Run =>
  async (forge, settled, round) => {
    await host(forge, settled, `L${round}`, guests);
    forge(FIRST, `s:L${round}:P0`, "rabid");
  };

export const BRANCHES: readonly Branch[] = [
  {
    name: "Rabid: invalid requests",
    before: 21,
    run: async (forge) => {
      for (let count = 0; count < 1_000; count++) forge(FIRST, "?", "rabid");
    },
  },
  { name: "Rabid: a lobby of twelve starts", before: 346, run: lobbyStarts(11) },
  { name: "Rabid: a lobby of two starts", before: 34, run: lobbyStarts(1) },
  {
    name: "Rabid: a lobby of twelve falls silent",
    before: 35,
    run: (forge, settled, round) => host(forge, settled, `Q${round}`, 11),
  },
  {
    name: "Rabid: the pings of a lobby of twelve",
    before: 10,
    run: async (forge, settled, round) => {
      await host(forge, settled, `P${round}`, 11);
      for (let times = 0; times < 10; times++) {
        for (let member = 0; member < 12; member++) forge(FIRST + member, `p:P${round}:P${member}`, "rabid");
        await settled();
      }
    },
  },
  {
    name: "Rabid: a lobby of four at each of 64 victims",
    before: 10,
    victims: 64,
    run: async (forge, settled, round, victims) => {
      const each = Array.from({ length: victims }, (_, victim) => victim);
      for (const victim of each) forge(FIRST, `h:M${round}x${victim}:P0:4`, "rabid", victim);
      await settled();
      for (let guest = 1; guest <= 3; guest++)
        for (const victim of each) forge(FIRST + guest, `c:M${round}x${victim}:P${guest}`, "rabid", victim);
      await settled();
      for (const victim of each) forge(FIRST, `s:M${round}x${victim}:P0`, "rabid", victim);
    },
  },
  {
    name: "Dowsett: host and guest are the victim",
    before: 8.8,
    run: async (forge, settled, round) => {
      forge(FIRST, sign(registering(`V${round}`), PASSWORD), "dowsett");
      await settled();
      forge(FIRST + 1, sign(joining(`V${round}`, "W"), PASSWORD), "dowsett");
      await settled();
    },
  },
  {
    name: "Dowsett: twenty guests of a host, all are the victim",
    before: 4.4,
    run: async (forge, settled, round) => {
      forge(FIRST, sign(registering(`H${round}`), PASSWORD), "dowsett");
      await settled();
      for (let guest = 0; guest < 20; guest++) {
        forge(FIRST + 1, sign(joining(`H${round}`, `G${guest}`), PASSWORD), "dowsett");
        await settled();
      }
    },
  },
  {
    name: "Dowsett: a host and its sixteen guests are victims",
    before: 6.4,
    victims: 17,
    run: async (forge, settled, round, victims) => {
      forge(FIRST, sign(registering(`S${round}`), PASSWORD), "dowsett", 0);
      await settled();
      for (let victim = 1; victim < victims; victim++) {
        forge(FIRST + 1, sign(joining(`S${round}`, "G"), PASSWORD), "dowsett", victim);
        await settled();
      }
    },
  },
  {
    name: "Dowsett: lists",
    before: 5,
    isList: true,
    run: async (forge) => {
      for (let count = 0; count < 20; count++) forge(FIRST, sign(listing(), PASSWORD), "dowsett");
    },
  },
  {
    name: "STUN: Binding requests",
    before: 1.6,
    run: async (forge) => {
      for (let count = 0; count < 40; count++) forge(FIRST, stunRequest(count), "rabid");
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

/** The payload that was sent in the name of the victims of a branch, and that arrived at them. */
export type Bytes = { readonly sent: number; readonly received: number };
/** `burst`: one run against new victims. `sustained`: further runs, after many. */
/** Allowances refill a little while the branches run: 4 bytes a second for each victim. */
const REFILLED_BYTES = 500;

export type Measured = {
  readonly branch: Branch;
  readonly burst: Bytes;
  readonly sustained: Bytes;
  /** From the start of the burst to the end of the sustained run. */
  readonly total: Bytes;
};

export const ratio = ({ sent, received }: Bytes): number => received / sent;

/** What arrived in a burst beyond the fixed allowances of its victims, as a multiple of what was sent. */
export const ratioBeyondAllowance = ({ branch: { victims = 1 }, burst: { sent, received } }: Measured): number =>
  Math.max(0, received - victims * CREDIT_ALLOWANCE_BYTES) / sent;

/**
 * The most that the victims may have received in all. Credit that is earned may be spent later, so parts of a run have no
 * such limit.
 */
export function limitOf({ branch: { victims = 1 }, total: { sent } }: Measured): number {
  const early = Math.min(sent, victims * CREDIT_EARLY_BYTES);
  const earned = CREDIT_EARLY_FACTOR * early + CREDIT_FACTOR * (sent - early);
  return victims * (CREDIT_ALLOWANCE_BYTES + REFILLED_BYTES) + earned;
}

const MARKS = ["<!-- measured: npm run attack -- --write -->", "<!-- end -->"] as const;

/** The table of docs/operate/security.md. */
export function tableOf(measured: readonly Measured[]): string {
  const rows = measured.map((one) => {
    const { branch, burst, sustained } = one;
    const bytes = ({ sent, received }: Bytes): string => `${sent} -> ${received}`;
    const beyond = branch.isList === true ? "no limit" : ratioBeyondAllowance(one).toFixed(1);
    const figures = [branch.before, bytes(burst), ratio(burst).toFixed(1), beyond, bytes(sustained)];
    return `| ${[branch.name, ...figures, ratio(sustained).toFixed(1)].join(" | ")} |`;
  });
  return [
    "| forged requests | ratio before | burst, bytes | ratio | ratio beyond the allowance | sustained, bytes | ratio |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

/** The page with this table. */
export const pageWith = (page: string, table: string): string => withGeneratedPart(page, MARKS, table);

/** An address for each victim. */
export const addressOf = (branch: number, victim: number): string => `20.0.${60 + branch}.${1 + victim}`;
export const VICTIM_PORTS = `${FIRST}-${FIRST + 12}`;
