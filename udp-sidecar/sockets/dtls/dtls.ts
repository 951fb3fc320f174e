/**
 * DTLS of one sidecar: loads the certificate, reloads it on demand, logs it for operators and describes it for the hub.
 */
import { join } from "node:path";
import { CERTIFICATE_WARNING_MS } from "#shared/limits.ts";
import type { Dtls as AdvertisedDtls } from "#shared/link/messages.ts";
import type { Logger } from "pino";
import type { DtlsConfig } from "../../config/dtls.ts";
import type { Counters } from "../../core/counters.ts";
import { type Certificate, CertificateError, gdscript, createIfMissing, readCertificate } from "./certificate.ts";
import { wallClock } from "../../time/wall-clock.ts";
import type { DtlsEngine } from "./engine.ts";
import { openSsl } from "./openssl.ts";
import type { DtlsOutput, SocketRef } from "./session.ts";
import { DtlsSessions } from "./sessions.ts";

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
   * Null if DTLS is off, or is optional and not available here. Rejects with one sentence if the certificate is
   * invalid, or if DTLS is required and not available.
   */
  static async open(config: DtlsConfig, log: Logger): Promise<Dtls | null> {
    if (config.dtls === "off") return null;
    const certificate = loadCertificate(config);
    let engine: DtlsEngine;
    try {
      engine = await openSsl(certificate, config.dtls_mtu_bytes);
    } catch (error) {
      const why = (error as Error).message;
      if (config.dtls === "required") throw new Error(`DTLS is required and not available: ${why}`, { cause: error });
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

  /** What clients get through the hub. */
  get advertised(): AdvertisedDtls {
    const { name, fingerprint, pem } = this.#certificate;
    return { name, fingerprint, pem, required: this.required };
  }

  get expires_at(): number {
    return this.#certificate.expires_at;
  }

  sessions<S extends SocketRef>(out: DtlsOutput<S>, counters: Counters, now: number): DtlsSessions<S> {
    return new DtlsSessions(this.#engine, this.#config, out, counters, now);
  }

  /** Reads the files again. If they are invalid, logs why and keeps the old certificate. */
  reload(): void {
    try {
      const certificate = loadCertificate(this.#config);
      this.#engine.setCertificate(certificate);
      this.#certificate = certificate;
      this.#logCertificate();
    } catch (error) {
      this.#log.error(
        { why: (error as Error).message },
        "the new DTLS certificate is invalid; the old one stays in use",
      );
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
    if (expires_at - wallClock() < CERTIFICATE_WARNING_MS) {
      this.#log.warn({ expires }, "the DTLS certificate expires soon: renew it and send SIGHUP");
    }
  }
}

/** The paths of the certificate and its key: the operator's files, or created ones. */
function filesOf({ dtls_cert, dtls_key, state }: DtlsConfig): { cert: string; key: string; own: boolean } {
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
  return readCertificate(cert, key, wallClock());
}
