/** A certificate authority with one valid and one expired certificate, made by openssl. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `good.crt`, `expired.crt`, their keys, and `ca.crt`, all in the folder. */
export function makeCertificates(folder: string, address: string): void {
  mkdirSync(folder, { recursive: true });
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...ec, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=authority", "-days", "30");
  const config = `
[ca]
default_ca = it
[it]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = IP:${address}
`;
  writeFileSync(join(folder, "ca.cnf"), config);
  writeFileSync(join(folder, "index.txt"), "");
  const authority = ["ca", "-batch", "-config", "ca.cnf", "-cert", "ca.crt", "-keyfile", "ca.key"];
  for (const [name, until] of [
    ["good", "20490101000000Z"],
    ["expired", "20240101000000Z"],
  ] as const) {
    openssl("req", "-new", ...ec, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    openssl(
      ...authority,
      "-startdate",
      "20230101000000Z",
      "-enddate",
      until,
      "-in",
      `${name}.csr`,
      "-out",
      `${name}.crt`,
      "-notext",
    );
  }
}
