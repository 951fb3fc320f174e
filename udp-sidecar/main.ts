/**
 * The sidecar's process: reads settings, handles signals, and ends with an exit code. `--help` is the reference of the
 * settings.
 */
import { closeSync, existsSync, openSync } from "node:fs";
import pino from "pino";
import { helpText, parseConfig } from "./config/config.ts";
import { firewallLines, openPorts } from "./config/firewall.ts";
import { selfCheck } from "./config/self-check.ts";
import { Sidecar } from "./sidecar.ts";

if (process.argv.includes("--help")) {
  process.stdout.write(helpText());
  process.exit(0);
}
if (existsSync(".env")) process.loadEnvFile(".env");

const args = process.argv.slice(2);
const printsFirewall = args.includes("--firewall");
// `--firewall` needs no key.
const env = printsFirewall ? { ...process.env, PARLEY_KEY: "none" } : process.env;
const parsed = parseConfig(
  args.filter((arg) => arg !== "--firewall"),
  env,
);
if ("problems" in parsed) {
  for (const problem of parsed.problems) process.stderr.write(`${problem}\n`);
  process.stderr.write("See --help for all settings.\n");
  process.exit(2);
}

const { config } = parsed;
if (printsFirewall) {
  process.stdout.write(firewallLines(openPorts(config)));
  process.exit(0);
}
const destination = config.log_file === "" ? 2 : config.log_file;
try {
  // Opened here, because pino reports a file that cannot be opened only later, and twice.
  if (typeof destination === "string") closeSync(openSync(destination, "a"));
} catch (error) {
  const { code } = error as NodeJS.ErrnoException;
  process.stderr.write(`PARLEY_LOG_FILE: ${config.log_file} cannot be written (${code}): name another file\n`);
  process.exit(2);
}
const log = pino(
  { level: config.log, base: { sidecar: config.name } },
  pino.destination({ dest: destination, sync: true }),
);
try {
  const sidecar = await Sidecar.start(config, log);
  const stop = async (signal: string): Promise<void> => {
    log.info({ signal }, "draining");
    await sidecar.stop();
    process.exit(0);
  };
  // Without DTLS there is no certificate to reload, and SIGHUP keeps its default action.
  if (config.dtls !== "off") process.on("SIGHUP", () => sidecar.reload());
  process.once("SIGTERM", (signal) => void stop(signal));
  process.once("SIGINT", (signal) => void stop(signal));
  process.once("SIGUSR2", () => {
    log.info("retiring: accepting no new lobbies, stopping when the last one is over");
    void sidecar.retire().then(() => stop("retired"));
  });
  log.info({ ports: config.ports, hub: config.hub.origin }, "listening");
  const warnings = await selfCheck(config);
  if (warnings.length > 0) log.info({ warnings }, "configuration warnings");
} catch (error) {
  log.fatal(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
