/** DTLS as a sidecar has it: which certificate, read when, and what is told of it to operators and to the hub. */
import { join } from "node:path";
import { CERTIFICATE_WARNING_MS } from "#shared/limits.ts";
import type { Dtls as Told } from "#shared/link/messages.ts";
import type { Logger } from "pino";
import type { DtlsConfig } from "../../config/dtls.ts";
import type { Counters } from "../../core/counters.ts";
import { type Certificate, CertificateError, gdscript, createIfMissing, readCertificate } from "./certificate.ts";
import type { DtlsEngine } from "./engine.ts";
import { openSsl } from "./openssl.ts";
import { type SocketRef, type DtlsOutput, DtlsSessions } from "./sessions.ts";

export class Dtls {
  readonly #config: DtlsConfig;
  readonly #log: Logger;
  readonly #engine: DtlsEngine;
  #certificate: Certificate;

  private constructor(config: DtlsConfig, log: Logger, engine: DtlsEngine, certificate: Certificate) {
    this.#config = config;
    this.#log = log;
    this.#engine = engine;
    this.#certificate = certificate;
  }

  /**
   * Null where it is switched off, or wanted and not to be had here. Rejects with one sentence where a certificate is
   * wrong, or where it is required and not to be had.
   */
  static async open(config: DtlsConfig, log: Logger): Promise<Dtls | null> {
    if (config.dtls === "off") return null;
    const certificate = loadCertificate(config);
    let engine: DtlsEngine;
    try {
      engine = await openSsl(certificate, config.dtls_mtu_bytes);
    } catch (error) {
      const why = (error as Error).message;
      if (config.dtls === "required") throw new Error(`DTLS is required and cannot be had: ${why}`, { cause: error });
      log.warn({ why }, "running without DTLS");
      return null;
    }
    const dtls = new Dtls(config, log, engine, certificate);
    dtls.#logCertificate();
    return dtls;
  }

  get required(): boolean {
    return this.#config.dtls === "required";
  }

  /** What clients are told through the hub. */
  get advertised(): Told {
    const { name, fingerprint, pem } = this.#certificate;
    return { name, fingerprint, pem, required: this.required };
  }

  get expires_at(): number {
    return this.#certificate.expires_at;
  }

  sessions<L extends SocketRef>(out: DtlsOutput<L>, counters: Counters, now: number): DtlsSessions<L> {
    return new DtlsSessions(this.#engine, this.#config, out, counters, now);
  }

  /** Reads the files again. What is wrong with them is logged, and then everything stays as it was. */
  reload(): void {
    try {
      const certificate = loadCertificate(this.#config);
      this.#engine.setCertificate(certificate);
      this.#certificate = certificate;
      this.#logCertificate();
    } catch (error) {
      this.#log.error({ why: (error as Error).message }, "the DTLS certificate stays as it was");
    }
  }

  close(): void {
    this.#engine.close();
  }

  #logCertificate(): void {
    const { name, fingerprint, expires_at } = this.#certificate;
    const expires = new Date(expires_at).toISOString();
    const about = { name, fingerprint, pem: filesOf(this.#config).cert, expires, ...gdscript(this.#certificate) };
    this.#log.info({ ...about, engine: this.#engine.name, required: this.required }, "DTLS is on");
    if (expires_at - Date.now() < CERTIFICATE_WARNING_MS) {
      this.#log.warn({ expires }, "the DTLS certificate expires soon: renew it, and send SIGHUP");
    }
  }
}

/** Where the certificate and its key are: the operator's files, or our own. */
export function filesOf({ dtls_cert, dtls_key, state }: DtlsConfig): { cert: string; key: string; own: boolean } {
  const own = dtls_cert === "" && dtls_key === "";
  return own
    ? { cert: join(state, "dtls.crt"), key: join(state, "dtls.key"), own }
    : { cert: dtls_cert, key: dtls_key, own };
}

function loadCertificate(config: DtlsConfig): Certificate {
  const { cert, key, own } = filesOf(config);
  if (cert === "" || key === "") {
    throw new CertificateError("PARLEY_DTLS_CERT and PARLEY_DTLS_KEY belong together: set both, or neither");
  }
  if (own) createIfMissing(cert, key);
  return readCertificate(cert, key, Date.now());
}
