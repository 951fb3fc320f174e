/** Settings of DTLS: part of the sidecar's. */
import * as limits from "#shared/limits.ts";
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import { bad, budget, good, type Setting, whole, word } from "./settings.ts";

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

const path = (text: string) => good(text);

export const DTLS_SETTINGS = {
  state: {
    env: "PARLEY_STATE",
    fallback: ".parley",
    help: "folder of what it makes for itself: the DTLS certificate and its key",
    parse: (text: string) => (text === "" ? bad("a folder") : good(text)),
  },
  dtls: {
    env: "PARLEY_DTLS",
    fallback: "off",
    help: "DTLS on the UDP ports: off; on, beside clear text; required, and clear text is dropped",
    parse: word(DTLS),
  },
  dtls_cert: {
    env: "PARLEY_DTLS_CERT",
    also: "DTLS_CERT",
    fallback: "",
    help: "PEM file of the certificate and of those that vouch for it, or DTLS_CERT; made in the state folder unless set",
    parse: path,
  },
  dtls_key: {
    env: "PARLEY_DTLS_KEY",
    also: "DTLS_KEY",
    fallback: "",
    help: "PEM file of the certificate's private key, EC or RSA, or DTLS_KEY",
    parse: path,
  },
  dtls_sessions_max: {
    env: "PARLEY_DTLS_SESSIONS_MAX",
    fallback: String(limits.DTLS_SESSIONS_MAX),
    help: "DTLS sessions at once, handshakes included",
    parse: whole(1, 1_000_000),
  },
  dtls_handshakes_max: {
    env: "PARLEY_DTLS_HANDSHAKES_MAX",
    fallback: String(limits.DTLS_HANDSHAKES_MAX),
    help: "DTLS handshakes under way at once",
    parse: whole(1, 1_000_000),
  },
  dtls_per_source_max: {
    env: "PARLEY_DTLS_PER_SOURCE_MAX",
    fallback: String(limits.DTLS_PER_SOURCE_MAX),
    help: "DTLS sessions and handshakes one source may have at once",
    parse: whole(1, 1_000_000),
  },
  dtls_handshake: {
    env: "PARLEY_DTLS_HANDSHAKE_RATE",
    fallback: `${limits.DTLS_HANDSHAKE_PER_S}/${limits.DTLS_HANDSHAKE_BURST}`,
    help: "DTLS handshakes one source may begin: PER_SECOND/AT_ONCE",
    parse: budget,
  },
  dtls_handshake_s: {
    env: "PARLEY_DTLS_HANDSHAKE_S",
    fallback: String(limits.DTLS_HANDSHAKE_S),
    help: "how long a DTLS handshake may take, in seconds",
    parse: whole(1, 3_600),
  },
  dtls_idle_s: {
    env: "PARLEY_DTLS_IDLE_S",
    fallback: String(limits.DTLS_IDLE_S),
    help: "silence after which a DTLS session is over, in seconds",
    parse: whole(1, 86_400),
  },
  dtls_mtu_bytes: {
    env: "PARLEY_DTLS_MTU_BYTES",
    fallback: String(limits.DTLS_MTU_BYTES),
    help: "longest datagram of a DTLS handshake, without the IP and UDP headers",
    parse: whole(256, 16_384),
  },
} satisfies Record<string, Setting>;
