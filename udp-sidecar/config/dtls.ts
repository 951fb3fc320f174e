/** The settings of DTLS. */
import * as limits from "#shared/limits.ts";
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import { invalid, parseBudget, valid, type Setting, integer, oneOf } from "./settings.ts";

export type DtlsConfig = {
  readonly state: string;
  readonly dtls: (typeof DTLS)[number];
  /** PEM files, both or neither. */
  readonly dtls_cert: string;
  readonly dtls_key: string;
  readonly dtls_sessions_max: number;
  readonly dtls_handshakes_max: number;
  readonly dtls_per_source_max: number;
  readonly dtls_handshake: Budget;
  readonly dtls_handshake_s: number;
  readonly dtls_idle_s: number;
  readonly dtls_mtu_bytes: number;
};

const DTLS = ["off", "on", "required"] as const;

const path = (text: string) => valid(text);

export const DTLS_SETTINGS = {
  state: {
    env: "PARLEY_STATE",
    fallback: ".parley",
    help: "folder for files that the sidecar creates: the DTLS certificate and its key",
    parse: (text: string) => (text === "" ? invalid("a folder") : valid(text)),
  },
  dtls: {
    env: "PARLEY_DTLS",
    fallback: "off",
    help: "DTLS on the UDP ports: off; on, beside clear text; required, clear text is dropped",
    parse: oneOf(DTLS),
  },
  dtls_cert: {
    env: "PARLEY_DTLS_CERT",
    alias: "DTLS_CERT",
    fallback: "",
    help: "PEM file of the certificate and its issuers, or DTLS_CERT; created in the state folder if not set",
    parse: path,
  },
  dtls_key: {
    env: "PARLEY_DTLS_KEY",
    alias: "DTLS_KEY",
    fallback: "",
    help: "PEM file of the certificate's private key, EC or RSA, or DTLS_KEY",
    parse: path,
  },
  dtls_sessions_max: {
    env: "PARLEY_DTLS_SESSIONS_MAX",
    fallback: String(limits.DTLS_SESSIONS_MAX),
    help: "maximum number of DTLS sessions, handshakes included",
    parse: integer(1, 1_000_000),
  },
  dtls_handshakes_max: {
    env: "PARLEY_DTLS_HANDSHAKES_MAX",
    fallback: String(limits.DTLS_HANDSHAKES_MAX),
    help: "maximum number of DTLS handshakes in progress",
    parse: integer(1, 1_000_000),
  },
  dtls_per_source_max: {
    env: "PARLEY_DTLS_PER_SOURCE_MAX",
    fallback: String(limits.DTLS_PER_SOURCE_MAX),
    help: "maximum number of DTLS sessions and handshakes per source",
    parse: integer(1, 1_000_000),
  },
  dtls_handshake: {
    env: "PARLEY_DTLS_HANDSHAKE_RATE",
    fallback: `${limits.DTLS_HANDSHAKE_PER_S}/${limits.DTLS_HANDSHAKE_BURST}`,
    help: "rate limit of DTLS handshakes per source: PER_SECOND/BURST",
    parse: parseBudget,
  },
  dtls_handshake_s: {
    env: "PARLEY_DTLS_HANDSHAKE_S",
    fallback: String(limits.DTLS_HANDSHAKE_S),
    help: "maximum duration of a DTLS handshake, in seconds",
    parse: integer(1, 3_600),
  },
  dtls_idle_s: {
    env: "PARLEY_DTLS_IDLE_S",
    fallback: String(limits.DTLS_IDLE_S),
    help: "silence after which a DTLS session ends, in seconds",
    parse: integer(1, 86_400),
  },
  dtls_mtu_bytes: {
    env: "PARLEY_DTLS_MTU_BYTES",
    fallback: String(limits.DTLS_MTU_BYTES),
    help: "maximum size of a DTLS handshake datagram in bytes, without IP and UDP headers",
    parse: integer(256, 16_384),
  },
} satisfies Record<string, Setting>;
