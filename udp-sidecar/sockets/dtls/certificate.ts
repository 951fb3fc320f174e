/**
 * The DTLS certificate of the sidecar: created at the first start, or read from the operator's files. Every fault in
 * those files is reported in one sentence before a client connects.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { CERTIFICATE_LENGTH_MAX, RSA_BITS_MIN } from "#shared/limits.ts";
import type { Dtls } from "#shared/link/messages.ts";
import { makeFolder } from "../../config/make-folder.ts";
import * as der from "./der.ts";

export type Certificate = Omit<Dtls, "required"> & {
  /** The server's certificate first, then its issuers; DER. */
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
  readonly expires_at: number;
};

/** A fault in a certificate file, as a sentence for the operator. */
export class CertificateError extends Error {}

/** The host name in every created certificate: clients check it at every address. */
export const NAME = "rendezvous";

/**
 * Players' clocks may be wrong by years, and clients refuse an expired certificate even if it is pinned. 2049 is the
 * last year of the short date format.
 */
const NOT_BEFORE = "200101000000Z";
const NOT_AFTER = "491231235959Z";
const CURVES = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/** Creates a key and a self-signed certificate if both files are missing. */
export function createIfMissing(certFile: string, keyFile: string): void {
  const [cert, key] = [certFile, keyFile].map((file) => readText(file, ["ENOENT", "ENOTDIR"]) !== null);
  if (cert === true && key === true) return;
  if (cert !== key) {
    const [there, gone] = cert === true ? [certFile, keyFile] : [keyFile, certFile];
    throw new CertificateError(`${there} exists without ${gone}: restore it, or remove both to have new ones created`);
  }
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const name = der.sequence(der.set(der.sequence(der.oid("2.5.4.3"), der.utf8(NAME))));
  const ecdsaWithSha256 = der.sequence(der.oid("1.2.840.10045.4.3.2"));
  const claims = der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))),
    der.integer(Uint8Array.of(0x40 | (randomBytes(1)[0]! & 0x3f), ...randomBytes(15))),
    ecdsaWithSha256,
    name,
    der.sequence(der.utcTime(NOT_BEFORE), der.utcTime(NOT_AFTER)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der.explicit(
      3,
      der.sequence(
        extension("2.5.29.19", der.sequence(), der.yes), // not a CA
        extension("2.5.29.15", der.bits(Uint8Array.of(0x80), 7), der.yes), // digitalSignature
        extension("2.5.29.37", der.sequence(der.oid("1.3.6.1.5.5.7.3.1"))), // serverAuth
        extension("2.5.29.17", der.sequence(der.implicit(2, Buffer.from(NAME)))), // the name again
      ),
    ),
  );
  const whole = der.sequence(claims, ecdsaWithSha256, der.bits(sign("sha256", claims, privateKey)));
  const pem = new X509Certificate(whole).toString();
  try {
    makeFolder(dirname(keyFile));
    writeFileSync(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600, flag: "wx" });
    writeFileSync(certFile, pem, { flag: "wx" });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new CertificateError(
      `PARLEY_STATE: ${dirname(keyFile)} cannot be written (${code}): make room there, or name another folder`,
    );
  }
}

/** Reads and checks the operator's files, or those of an earlier start. Throws a `CertificateError`. */
export function readCertificate(certFile: string, keyFile: string, now: number): Certificate {
  const chain = parseCertificates(certFile);
  const key = parseKey(keyFile);
  const [own] = chain as [X509Certificate];
  if (!own.checkPrivateKey(key)) {
    const other = chain.findIndex((one) => one.checkPrivateKey(key));
    const why =
      other === -1 ? "it belongs to another certificate" : `its own certificate must come first in ${certFile}`;
    throw new CertificateError(`${keyFile} does not match ${certFile}: ${why}`);
  }
  for (const one of chain) {
    if (one.validToDate.getTime() <= now) {
      throw new CertificateError(`${certFile} holds a certificate that expired on ${one.validToDate.toISOString()}`);
    }
    if (one.validFromDate.getTime() > now) {
      throw new CertificateError(`${certFile} holds a certificate that begins on ${one.validFromDate.toISOString()}`);
    }
  }
  const pem = chain.map((one) => one.toString()).join("");
  if (pem.length > CERTIFICATE_LENGTH_MAX) {
    throw new CertificateError(
      `${certFile} is too long: at most ${CERTIFICATE_LENGTH_MAX} characters are sent to clients`,
    );
  }
  return {
    name: hostName(own, certFile),
    fingerprint: own.fingerprint256,
    pem,
    chain: chain.map((one) => one.raw),
    key,
    expires_at: Math.min(...chain.map((one) => one.validToDate.getTime())),
  };
}

/** The lines that a game needs, ready to paste. */
export const gdscript = ({
  name,
}: Pick<Certificate, "name">): { readonly godot3: string; readonly godot4: string } => ({
  godot3: `dtls.connect_to_peer(udp, true, "${name}", load("user://${name}.crt"))`,
  godot4: `dtls.connect_to_peer(udp, "${name}", TLSOptions.client(load("user://${name}.crt"), "${name}"))`,
});

// ---------------------------------------------------------------------------------------------------------------

const extension = (id: string, value: Uint8Array, ...critical: Uint8Array[]): Uint8Array =>
  der.sequence(der.oid(id), ...critical, der.octets(value));

function parseCertificates(file: string): X509Certificate[] {
  const text = readText(file)!;
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (blocks === null) throw new CertificateError(`${file} holds no certificate in PEM form`);
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new CertificateError(`${file}: certificate ${index + 1} of ${blocks.length} is broken`);
    }
  });
}

function parseKey(file: string): KeyObject {
  const text = readText(file)!;
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new CertificateError(`${file} holds no private key in PEM form`);
  }
  if (/ENCRYPTED/.test(text)) throw new CertificateError(`${file} is encrypted: remove its passphrase`);
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    throw new CertificateError(`${file}: the private key is broken`);
  }
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ec" && CURVES.has(namedCurve)) return key;
  if (key.asymmetricKeyType === "rsa" && modulusLength >= RSA_BITS_MIN) return key;
  throw new CertificateError(
    `${file}: the key must be EC (P-256, P-384 or P-521) or RSA of at least ${RSA_BITS_MIN} bits, or clients refuse it`,
  );
}

/** The text of a file; null if reading fails with a `tolerated` code. */
function readText(file: string, tolerated: readonly string[] = []): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    if (tolerated.includes(code)) return null;
    const why = code === "ENOENT" ? "the file does not exist" : code === "EACCES" ? "this user may not read it" : code;
    throw new CertificateError(`${file}: ${why}`);
  }
}

/**
 * The name that clients check: the first DNS name, or the common name. A wildcard is replaced by one name that it
 * covers.
 */
function hostName(own: X509Certificate, file: string): string {
  const alternative = /(?:^|, )DNS:([A-Za-z0-9.*_-]{1,255})(?:,|$)/.exec(own.subjectAltName ?? "")?.[1];
  const common = /^CN=([A-Za-z0-9.*_-]{1,255})$/m.exec(own.subject)?.[1];
  const name = alternative ?? common;
  if (name === undefined) throw new CertificateError(`${file}: the certificate names no host`);
  return name.replace("*", NAME);
}
