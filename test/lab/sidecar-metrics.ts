/** Metrics of a sidecar of the laboratory. */
import { defaults } from "../../udp-sidecar/config/config.ts";
import type { Host } from "./lab.ts";

const PRINT = `fetch(process.argv[1]).then((reply) => reply.text()).then((text) => process.stdout.write(text))`;

/** The value of a metric without labels, of the sidecar on this host with the default status address. */
export async function sidecarMetric(host: Host, name: string): Promise<number> {
  const url = `http://${defaults().get("PARLEY_STATUS")!}/metrics`;
  const program = await host.run("exec.ts", ["{}", process.execPath, "-e", PRINT, url]);
  const { out } = await program.waitForLine((line) => "code" in line);
  await program.end();
  const value = new RegExp(`^${name} ([0-9.]+)$`, "m").exec(String(out))?.[1];
  if (value === undefined) throw new Error(`no ${name} in ${String(out)}`);
  return Number(value);
}
