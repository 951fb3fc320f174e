/** Certificates: the created one, and every fault in an operator's files. */
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  CertificateError,
  gdscript,
  createIfMissing,
  readCertificate,
} from "../../../../udp-sidecar/sockets/dtls/certificate.ts";
import { oid } from "../../../../udp-sidecar/sockets/dtls/der.ts";
import { openSsl } from "../../../../udp-sidecar/sockets/dtls/openssl.ts";
import { hasOpenssl } from "../../../support/programs.ts";

const NOW = Date.UTC(2026, 5, 1);
let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-certificate-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("the certificate of a first start", () => {
  let own: X509Certificate;
  beforeAll(() => {
    createIfMissing(at("state/dtls.crt"), at("state/dtls.key"));
    own = new X509Certificate(readFileSync(at("state/dtls.crt")));
  });

  test("has the fixed name, is self-signed, is no CA, and is for servers", () => {
    expect([own.subject, own.issuer, own.subjectAltName]).toStrictEqual([
      "CN=rendezvous",
      "CN=rendezvous",
      "DNS:rendezvous",
    ]);
    expect([own.ca, own.verify(own.publicKey), own.checkHost("rendezvous")]).toStrictEqual([false, true, "rendezvous"]);
    expect(own.publicKey.asymmetricKeyDetails).toStrictEqual({ namedCurve: "prime256v1" });
  });

  test("is valid on a player's computer whose clock is years behind or ahead", () => {
    expect([own.validFrom, own.validTo]).toStrictEqual(["Jan  1 00:00:00 2020 GMT", "Dec 31 23:59:59 2049 GMT"]);
  });

  test("has a key file that only its owner can read", () => {
    expect(statSync(at("state/dtls.key")).mode & 0o777).toBe(0o600);
  });

  test("is kept at the next start", () => {
    const before = readFileSync(at("state/dtls.crt"), "utf8");
    createIfMissing(at("state/dtls.crt"), at("state/dtls.key"));
    expect(readFileSync(at("state/dtls.crt"), "utf8")).toBe(before);
  });

  test("is read back with the fields that clients get", () => {
    const { name, fingerprint, pem, expires_at } = readCertificate(at("state/dtls.crt"), at("state/dtls.key"), NOW);
    expect([name, pem, new Date(expires_at).getUTCFullYear()]).toStrictEqual(["rendezvous", own.toString(), 2049]);
    expect(fingerprint.replaceAll(":", "").toLowerCase()).toBe(createHash("sha256").update(own.raw).digest("hex"));
    expect(gdscript({ name }).godot4).toContain('TLSOptions.client(load("user://rendezvous.crt"), "rendezvous")');
  });

  test.skipIf(!hasOpenssl)("is good to openssl verify", () => {
    const args = ["verify", "-CAfile", at("state/dtls.crt"), "-purpose", "sslserver", "-verify_hostname", "rendezvous"];
    expect(execFileSync("openssl", [...args, at("state/dtls.crt")], { encoding: "utf8" })).toContain("OK");
  });

  test("is different each time", () => {
    createIfMissing(at("other/dtls.crt"), at("other/dtls.key"));
    const other = new X509Certificate(readFileSync(at("other/dtls.crt")));
    expect(other.serialNumber).not.toBe(own.serialNumber);
    expect(other.fingerprint256).not.toBe(own.fingerprint256);
  });

  test("is not created again if one of its files is missing", () => {
    for (const gone of ["crt", "key"] as const) {
      createIfMissing(at(`half-${gone}/dtls.crt`), at(`half-${gone}/dtls.key`));
      rmSync(at(`half-${gone}/dtls.${gone}`));
      expect(() => createIfMissing(at(`half-${gone}/dtls.crt`), at(`half-${gone}/dtls.key`))).toThrow(
        "restore it, or remove both",
      );
      expect(existsSync(at(`half-${gone}/dtls.${gone}`))).toBe(false);
    }
  });
});

describe.skipIf(!hasOpenssl)("an operator's files", () => {
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "ignore", cwd: folder });
  /** A key and a self-signed certificate. */
  const make = (name: string, ...kind: string[]): void =>
    openssl(
      "req",
      "-x509",
      "-nodes",
      ...kind,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.crt`,
      "-subj",
      "/CN=eu.example.org",
      "-days",
      "36500",
    );
  const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

  beforeAll(() => {
    make("ec", ...EC);
    make("p384", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1");
    make("rsa", "-newkey", "rsa:2048");
    make("short", "-newkey", "rsa:1024");
    make("edwards", "-newkey", "ed25519");
    make("curve", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp224r1");
    make("wild", ...EC, "-addext", "subjectAltName=DNS:*.example.org,DNS:example.org");
    openssl("ec", "-in", "ec.key", "-aes128", "-passout", "pass:secret", "-out", "locked.key");
    openssl("ec", "-in", "ec.key", "-out", "sec1.key");
    // A leaf certificate, signed by an authority.
    openssl("req", "-new", "-nodes", ...EC, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf.example.org");
    openssl(
      "x509",
      "-req",
      "-in",
      "leaf.csr",
      "-CA",
      "rsa.crt",
      "-CAkey",
      "rsa.key",
      "-out",
      "leaf.crt",
      "-days",
      "36500",
      "-CAcreateserial",
    );
    const [leaf, ca] = [readFileSync(at("leaf.crt"), "utf8"), readFileSync(at("rsa.crt"), "utf8")];
    writeFileSync(at("chain.crt"), `leaf first:\n${leaf}\nthen who vouches for it\n${ca}`);
    writeFileSync(at("backwards.crt"), ca + leaf);
    writeFileSync(at("nothing.crt"), "");
    writeFileSync(at("der.crt"), new X509Certificate(ca).raw);
    writeFileSync(at("broken.crt"), ca.replace(/\n[A-Za-z0-9+/]{20}/, "\nAAAAAAAAAAAAAAAAAAAA"));
    writeFileSync(
      at("broken.key"),
      readFileSync(at("ec.key"), "utf8").replace(/\n[A-Za-z0-9+/]{20}/, "\nAAAAAAAAAAAAAAAAAAAA"),
    );
    writeFileSync(at("long.crt"), leaf + ca.repeat(20));
    mkdirSync(at("folder.crt"));
  });

  test.each([
    ["ec", "ec", "eu.example.org", 1],
    ["ec", "sec1", "eu.example.org", 1],
    ["p384", "p384", "eu.example.org", 1],
    ["rsa", "rsa", "eu.example.org", 1],
    ["chain", "leaf", "leaf.example.org", 2],
    ["wild", "wild", "rendezvous.example.org", 1],
  ])("%s.crt with %s.key are accepted, by OpenSSL too", async (cert, key, name, length) => {
    const read = readCertificate(at(`${cert}.crt`), at(`${key}.key`), NOW + 3e10);
    expect([read.name, read.chain.length, read.pem.match(/BEGIN/g)]).toStrictEqual([
      name,
      length,
      Array(length).fill("BEGIN"),
    ]);
    const engine = await openSsl(read, 1_232);
    engine.setCertificate(read);
    engine.close();
  });

  test.each([
    ["none", "ec", "none.crt: the file does not exist"],
    ["ec", "none", "none.key: the file does not exist"],
    ["folder", "ec", "folder.crt: EISDIR"],
    ["nothing", "ec", "nothing.crt holds no certificate in PEM form"],
    ["der", "ec", "der.crt holds no certificate in PEM form"],
    ["broken", "ec", "broken.crt: certificate 1 of 1 is broken"],
    ["ec", "broken", "broken.key: the private key is broken"],
    ["ec", "locked", "locked.key is encrypted: remove its passphrase"],
    ["ec", "rsa", "it belongs to another certificate"],
    ["backwards", "leaf", "its own certificate must come first in"],
    ["short", "short", "the key must be EC (P-256, P-384 or P-521) or RSA of at least 2048 bits"],
    ["edwards", "edwards", "the key must be EC"],
    ["curve", "curve", "the key must be EC"],
    ["long", "leaf", "long.crt is too long"],
  ])("%s.crt with %s.key: %s", (cert, key, says) => {
    const read = () => readCertificate(at(`${cert}.crt`), at(`${key}.key`), NOW + 3e10);
    expect(read).toThrow(CertificateError);
    expect(read).toThrow(says);
  });

  test("are refused if the key file holds the certificate", () => {
    expect(() => readCertificate(at("ec.crt"), at("ec.crt"), NOW + 3e10)).toThrow(
      "ec.crt holds no private key in PEM form",
    );
  });

  test("are refused if they have expired or are not valid yet, with the date", () => {
    const own = new X509Certificate(readFileSync(at("ec.crt")));
    const [from, to] = [own.validFromDate, own.validToDate];
    const read = (now: number) => () => readCertificate(at("ec.crt"), at("ec.key"), now);
    expect(read(to.getTime())).toThrow(`expired on ${to.toISOString()}`);
    expect(read(from.getTime() - 1)).toThrow(`begins on ${from.toISOString()}`);
    expect(read(from.getTime())).not.toThrow();
    expect(read(to.getTime() - 1)).not.toThrow();
  });
});

test("object identifiers are encoded by X.690", () => {
  expect(Buffer.from(oid("1.2.840.10045.4.3.2")).toString("hex")).toBe("06082a8648ce3d040302");
  expect(Buffer.from(oid("2.5.4.3")).toString("hex")).toBe("0603550403");
});
