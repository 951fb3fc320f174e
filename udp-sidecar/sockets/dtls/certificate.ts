/**
 * The certificate that clients trust a sidecar by: made here at the first start, or read from the operator's files.
 * Whatever can be wrong with those is said in one sentence, before the first client finds out.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { CERTIFICATE_LENGTH_MAX, RSA_BITS_MIN } from "#shared/limits.ts";
import type { Dtls } from "#shared/link/messages.ts";
import * as der from "./der.ts";

export type Certificate = Omit<Dtls, "required"> & {
  /** The server's own first, then those that vouch for it; DER. */
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
  readonly expires_at: number;
};

/** What is wrong with a file, as a sentence for the operator. */
export class CertificateError extends Error {}

/** Every certificate made here has this name: clients check it whatever address they connect to. */
export const NAME = "rendezvous";

/**
 * Players' clocks are wrong by years, and an expired certificate is refused even where it is pinned. 2049 is the last
 * year of the short form of dates.
 */
const NOT_BEFORE = "200101000000Z";
const NOT_AFTER = "491231235959Z";
const CURVES = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/** Makes a key and a certificate that signs itself, where there is neither. */
export function createIfMissing(certFile: string, keyFile: string): void {
  const [cert, key] = [certFile, keyFile].map((file) => readText(file, "ENOENT") !== null);
  if (cert === true && key === true) return;
  if (cert !== key) {
    const [there, gone] = cert === true ? [certFile, keyFile] : [keyFile, certFile];
    throw new CertificateError(
      `${there} is there without ${gone}: put that back, or remove both to have new ones made`,
    );
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
        extension("2.5.29.19", der.sequence(), der.yes), // it vouches for nobody
        extension("2.5.29.15", der.bits(Uint8Array.of(0x80), 7), der.yes), // digitalSignature
        extension("2.5.29.37", der.sequence(der.oid("1.3.6.1.5.5.7.3.1"))), // serverAuth
        extension("2.5.29.17", der.sequence(der.implicit(2, Buffer.from(NAME)))), // the name, once more
      ),
    ),
  );
  const whole = der.sequence(claims, ecdsaWithSha256, der.bits(sign("sha256", claims, privateKey)));
  const pem = new X509Certificate(whole).toString();
  mkdirSync(dirname(keyFile), { recursive: true });
  writeFileSync(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600, flag: "wx" });
  writeFileSync(certFile, pem, { flag: "wx" });
}

/** Reads and judges what an operator, or an earlier start, has put there. Throws a `CertificateProblem`. */
export function readCertificate(certFile: string, keyFile: string, now: number): Certificate {
  const chain = parseCertificates(certFile);
  const key = parseKey(keyFile);
  const [own] = chain as [X509Certificate];
  if (!own.checkPrivateKey(key)) {
    const other = chain.findIndex((one) => one.checkPrivateKey(key));
    const why =
      other === -1 ? "it belongs to another certificate" : `its own certificate must come first in ${certFile}`;
    throw new CertificateError(`${keyFile} does not fit ${certFile}: ${why}`);
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
      `${certFile} is too long: at most ${CERTIFICATE_LENGTH_MAX} characters are told to clients`,
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

/** The lines a game needs, ready to be pasted. */
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
  if (/ENCRYPTED/.test(text))
    throw new CertificateError(`${file} is locked with a passphrase: it must be without one`);
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
    `${file}: the key must be EC (P-256, P-384 or P-521) or RSA of at least ${RSA_BITS_MIN} bits, for clients to take it`,
  );
}

/** The text of a file; null where reading it fails in the way that is `borne`. */
function readText(file: string, borne?: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    if (code === borne) return null;
    const why = code === "ENOENT" ? "there is no such file" : code === "EACCES" ? "this user may not read it" : code;
    throw new CertificateError(`${file}: ${why}`);
  }
}

/** The name that clients check: the first DNS name, or the common name; of a wildcard, one that it covers. */
function hostName(own: X509Certificate, file: string): string {
  const alternative = /(?:^|, )DNS:([A-Za-z0-9.*_-]{1,255})(?:,|$)/.exec(own.subjectAltName ?? "")?.[1];
  const common = /^CN=([A-Za-z0-9.*_-]{1,255})$/m.exec(own.subject)?.[1];
  const name = alternative ?? common;
  if (name === undefined) throw new CertificateError(`${file}: the certificate names no host`);
  return name.replace("*", NAME);
}
