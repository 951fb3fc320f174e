/** Hub and sidecar on a host of the laboratory, where players from outside reach them. */
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Wire } from "#shared/lobby/lobby.ts";
import { defaults } from "../../udp-sidecar/config/config.ts";
import type { Host } from "./lab.ts";
import type { Program } from "./program.ts";
import { HUB_PORT } from "./sidecar.ts";

/** Before the owner's number in the names of all folders. */
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

  static async open(host: Host, hub: string): Promise<LabStack> {
    await removeStaleFolders();
    const folder = await mkdtemp(join(tmpdir(), `${FOLDER}${process.pid}-`));
    // A copy, because the hub's configuration is written beside the bundle, and other stacks use the same ports.
    const bundle = join(folder, "bundle");
    await cp(hub, bundle, { recursive: true });
    const program = await host.run("stack.ts", [bundle, join(folder, "hub"), host.address]);
    return new LabStack(host.address, folder, program);
  }

  /** Of the hub. */
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

  /** One more sidecar, on a host of its own. */
  async addSidecar(host: Host): Promise<void> {
    await host.run("sidecar.ts", [this.url, host.address, join(this.#folder, host.name)]);
  }

  /** Where a wire is spoken, by its documented port. */
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

/** Folders of runs that were killed. */
async function removeStaleFolders(): Promise<void> {
  const named = (await readdir(tmpdir())).filter((name) => name.startsWith(FOLDER));
  const stale = named.filter((name) => !existsSync(`/proc/${Number.parseInt(name.slice(FOLDER.length), 10)}`));
  await Promise.all(stale.map((name) => rm(join(tmpdir(), name), { recursive: true, force: true })));
}
