/** Hub and sidecar on a public host of the laboratory. */
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Wire } from "#shared/lobby/lobby.ts";
import type { HubOptions } from "../../tools/run/hub.ts";
import { defaults } from "../../udp-sidecar/config/config.ts";
import type { Host } from "./lab.ts";
import type { Program } from "./program.ts";
import { HUB_PORT } from "./sidecar.ts";

const STATUS = defaults().get("PARLEY_STATUS")!;
/** The prefix of the folders' names, before the pid of their owner. */
const FOLDER = "parley-lab-";

export class LabStack {
  readonly #address: string;
  readonly #folder: string;
  readonly #program: Program;

  private constructor(address: string, folder: string, program: Program) {
    this.#address = address;
    this.#folder = folder;
    this.#program = program;
  }

  /** `addresses`: of the sidecar; the host's if it is empty. `settings`: of the hub. */
  static async open(
    host: Host,
    hub: string,
    { addresses = [], settings = {} }: { addresses?: readonly string[]; settings?: HubOptions["settings"] } = {},
  ): Promise<LabStack> {
    await removeStaleFolders();
    const folder = await mkdtemp(join(tmpdir(), `${FOLDER}${process.pid}-`));
    // A copy, because the hub's configuration is written beside the bundle and other laboratories use the same ports.
    const bundle = join(folder, "bundle");
    await cp(hub, bundle, { recursive: true });
    const listening = addresses.length === 0 ? host.address : addresses.join();
    const args = [bundle, join(folder, "hub"), host.address, listening, JSON.stringify(settings)];
    const program = await host.run("stack.ts", args);
    return new LabStack(host.address, folder, program);
  }

  /** The URL of the hub. */
  get url(): string {
    return `http://${this.#address}:${HUB_PORT}`;
  }

  /** Without a word to anybody. */
  async kill(half: "hub" | "sidecar"): Promise<void> {
    this.#program.send({ kill: half });
    await this.#program.waitForLine((line) => line["killed"] === half);
  }

  async startHub(): Promise<void> {
    const from = this.#program.lines.length;
    this.#program.send({ start: "hub" });
    await this.#program.waitForLine((line) => "started" in line, { from });
  }

  /** Starts another sidecar on this host. Beside the stack's own it needs another address and another status port. */
  async addSidecar(
    host: Host,
    {
      address = host.address,
      status = STATUS,
      settings = {},
    }: { address?: string; status?: string; settings?: Readonly<Record<string, string>> } = {},
  ): Promise<void> {
    const folder = join(this.#folder, address);
    await host.run("sidecar.ts", [this.url, address, folder, status, JSON.stringify(settings)]);
  }

  /** The endpoint of a wire, by its documented port. */
  endpointOf(wire: Wire): Endpoint {
    const ports = defaults().get("PARLEY_PORTS")!.split(",");
    return {
      address: this.#address,
      port: Number.parseInt(
        ports.find((item) => item.endsWith(`=${wire}`))!,
        10,
      ),
    };
  }

  async close(): Promise<void> {
    await this.#program.end();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Removes the folders of runs that were killed. */
async function removeStaleFolders(): Promise<void> {
  const named = (await readdir(tmpdir())).filter((name) => name.startsWith(FOLDER));
  const stale = named.filter((name) => !existsSync(`/proc/${Number.parseInt(name.slice(FOLDER.length), 10)}`));
  await Promise.all(stale.map((name) => rm(join(tmpdir(), name), { recursive: true, force: true })));
}
