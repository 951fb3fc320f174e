/** One fuzz target for each decoder: what inputs it generates, and how it handles one in this process. */
import { clientMessage } from "#shared/api/events.ts";
import * as lobbies from "#shared/api/lobbies.ts";
import { connectRequest } from "#shared/connect/schema.ts";
import { fromHub, fromSidecar } from "#shared/link/decoders.ts";
import { parseQuery } from "#shared/listing/query.ts";
import { decode, type Decoder } from "#shared/schema/decode.ts";
import { LINK_FRAME_LENGTH_MAX, NATIVE_REQUEST_BYTES_MIN, NOHUB_COMMAND_BYTES_MAX } from "#shared/limits.ts";
import { endpoint, type Endpoint } from "#shared/net/endpoint.ts";
import { bindingResponse, isStun } from "../../udp-sidecar/protocols/stun.ts";
import { helloOf, recordsOf } from "../../udp-sidecar/sockets/dtls/records.ts";
import { LineReader } from "../../udp-sidecar/protocols/noray.ts";
import { parseRequest, NohubError } from "../../udp-sidecar/protocols/nohub.ts";
import { TrimsockReader } from "../../udp-sidecar/protocols/trimsock.ts";
import type { Wire } from "#shared/lobby/lobby.ts";
import { NORAY_TCP } from "../support/commands.ts";
import { Rig, SHARED_PORT, T0 } from "../support/exchange.ts";
import { signTicket } from "../support/tickets.ts";
import { sign } from "../support/dowsett.ts";
import { type Dice, type Json, mutateBytes, mutateJson, mutateText } from "./mutate.ts";
import * as seeds from "./seeds.ts";

export type Transport = "udp" | "noray" | "nohub" | "http" | "events" | "link";
export type Target = {
  /** How inputs reach a deployment; null for what a sidecar receives from its hub. */
  readonly transport: Transport | null;
  /** How many inputs a full run against a deployment counts. */
  readonly counted: { readonly count: number; readonly unit: string } | null;
  readonly generate: (dice: Dice) => Buffer;
  /** A decoder in this process. It must not throw. */
  readonly open: () => (input: Buffer, dice: Dice) => void;
};

const PASSWORD = "qUks5KzRDY";
/** A rig is replaced after this many inputs, because its virtual lobbies never end. */
const INPUTS_PER_RIG = 5_000;
const BODY_LENGTH_MAX = 16_384;
const SOURCES: readonly Endpoint[] = Array.from({ length: 16 }, (_, at) => endpoint(`192.0.2.${at + 1}`, 5_000 + at)!);

const pick = <T>(dice: Dice, from: readonly T[]): T => from[dice(from.length)]!;
const sometimesBytes = (dice: Dice, bytes: Buffer): Buffer => (dice(10) === 0 ? mutateBytes(dice, bytes) : bytes);

const ofText =
  (texts: readonly string[], separators: RegExp, finish = (text: string): string => text) =>
  (dice: Dice): Buffer =>
    sometimesBytes(dice, Buffer.from(finish(mutateText(dice, pick(dice, texts), separators, texts))));

const ofJson =
  (values: readonly Json[], encode = (value: Json): string => JSON.stringify(value)) =>
  (dice: Dice): Buffer => {
    let value = pick(dice, values);
    for (let edits = dice(4); edits > 0; edits--) value = mutateJson(dice, value);
    return sometimesBytes(dice, Buffer.from(encode(value)));
  };

const decodes = (...decoders: readonly Decoder<unknown>[]) => {
  return () => (input: Buffer) => {
    const text = input.toString("utf8");
    for (const decoder of decoders) decode(text, decoder, LINK_FRAME_LENGTH_MAX);
  };
};

/** A sidecar and a hub in virtual time, with the sources of an attacker and of others. */
function exchanges(wire: Wire, via = SHARED_PORT): Target["open"] {
  return () => {
    let rig = new Rig({ wire });
    let inputs = 0;
    return (input, dice) => {
      if (++inputs % INPUTS_PER_RIG === 0) rig = new Rig({ wire });
      rig.send(pick(dice, SOURCES), input, { via });
      if (dice(50) === 0) rig.advance(dice(2_000));
      rig.sent.length = 0;
    };
  };
}

/** Signs what still is a packet, so that the mutation passes the signature. */
const encodeDowsett = (value: Json): string =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? sign(value as Record<string, Json>, PASSWORD).toString()
    : JSON.stringify(value);

const ticket = signTicket({ purpose: "udp", peer: "a".repeat(26), expires_at_s: T0 / 1_000 + 3_600 });
const NATIVE = [
  `see ${ticket} - word`,
  `see ${ticket}`,
  `knock ${ticket} - nonce`,
  `enter ${ticket} - word`,
  `reach ${ticket}`,
];

const STUN = [
  "000100002112a442b7e7a701bc34d686fa87dfae",
  "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36" +
    "000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf",
].map((hex) => Buffer.from(hex, "hex"));

/** The record header of a ClientHello (RFC 9147 sections 4 and 5.3), and the beginning of one. */
const DTLS = [
  "16fefd0000000000000000003601000022000000000000002afefd",
  "17fefd00010000000000010010000102030405060708090a0b0c0d0e0f",
  "14fefd000000000000000100010115fefd0001000000000002000200",
].map((hex) => Buffer.concat([Buffer.from(hex, "hex"), Buffer.alloc(64)]));

const DATAGRAMS = { count: 2_000_000, unit: "datagrams" };

export const TARGETS: Readonly<Record<string, Target>> = {
  rabid: {
    transport: "udp",
    counted: DATAGRAMS,
    generate: ofText(seeds.RABID, /(:)/),
    open: exchanges("rabid", 57_775),
  },
  dowsett: {
    transport: "udp",
    counted: DATAGRAMS,
    generate: ofJson(seeds.DOWSETT, encodeDowsett),
    open: exchanges("dowsett"),
  },
  native: {
    transport: "udp",
    counted: DATAGRAMS,
    generate: ofText(NATIVE, /([ .])/, (text) => text.padEnd(NATIVE_REQUEST_BYTES_MIN)),
    open: exchanges("native"),
  },
  "noray-udp": {
    transport: "udp",
    counted: DATAGRAMS,
    generate: ofText(seeds.NORAY_PIDS, /(?=[_-])/),
    open: exchanges("noray"),
  },
  stun: {
    transport: "udp",
    counted: DATAGRAMS,
    generate: (dice) => mutateBytes(dice, pick(dice, STUN)),
    open: () => (input, dice) => {
      if (isStun(input)) bindingResponse(input, pick(dice, SOURCES));
    },
  },
  dtls: {
    transport: "udp",
    counted: DATAGRAMS,
    generate: (dice) => mutateBytes(dice, pick(dice, DTLS)),
    open: () => (input) => {
      for (const record of recordsOf(input)) if (record !== false) helloOf(record);
    },
  },
  noray: {
    transport: "noray",
    counted: { count: 200_000, unit: "lines" },
    generate: ofText(seeds.NORAY_LINES, /( )/, (text) => `${text}\n`),
    open: () => {
      const handle = exchanges("noray", NORAY_TCP)();
      const reader = new LineReader();
      return (input, dice) => {
        for (const line of reader.read(input)) if (line !== null) handle(Buffer.from(line), dice);
      };
    },
  },
  nohub: {
    transport: "nohub",
    counted: { count: 200_000, unit: "lines" },
    generate: ofText(seeds.NOHUB_LINES, /([ ?=])/),
    open: () => {
      const reader = new TrimsockReader(NOHUB_COMMAND_BYTES_MAX);
      return (input) => {
        for (const command of reader.read(input)) if (command !== null) refuse(() => parseRequest(command));
      };
    },
  },
  http: {
    transport: "http",
    counted: { count: 200_000, unit: "requests" },
    generate: ofJson(seeds.REQUESTS, (value) => JSON.stringify(value)),
    open: () => (input) => {
      const [, query = ""] = input.toString("utf8").split("?", 2);
      parseQuery(new URLSearchParams(query));
      for (const decoder of BODIES) decode(bodyOf(input), decoder, BODY_LENGTH_MAX);
    },
  },
  events: {
    transport: "events",
    counted: { count: 100_000, unit: "messages" },
    generate: ofJson(seeds.CLIENT_MESSAGES),
    open: decodes(clientMessage),
  },
  link: {
    transport: "link",
    counted: { count: 20_000, unit: "messages of a hostile sidecar" },
    generate: ofJson(seeds.FROM_SIDECAR),
    open: decodes(fromSidecar),
  },
  "link-down": { transport: null, counted: null, generate: ofJson(seeds.FROM_HUB), open: decodes(fromHub) },
};

const BODIES: readonly Decoder<unknown>[] = [
  lobbies.newLobby,
  lobbies.joinRequest,
  lobbies.joinByCodeRequest,
  lobbies.quickJoinRequest,
  lobbies.lobbyPatch,
  lobbies.memberPatch,
  lobbies.hostTransfer,
  lobbies.removal,
  connectRequest,
];

/** The body of a generated request, or the input itself if it is none. */
function bodyOf(input: Buffer): string {
  const text = input.toString("utf8");
  const [, body] = /"body":(.*)\}$/s.exec(text) ?? [];
  return body ?? text;
}

/** nohub's parser refuses by an error of a separate class. */
function refuse(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof NohubError)) throw error;
  }
}
