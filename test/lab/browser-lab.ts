/**
 * Browsers behind routers: a laboratory with a hub, a sidecar, and a real coturn that runs the documented command, also over
 * TLS. Each browser is a real Chromium in the network namespace of its host. Playwright controls it through a pipe, so it
 * needs no network but that of its host.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHROMIUM, launch } from "../support/browser.ts";
import { makeCertificates } from "../support/certificates.ts";
import { blocksOf } from "../support/doc-blocks.ts";
import { GamePages } from "../support/game-page.ts";
import { type Home, type HomeOptions, type Host, Lab } from "./lab.ts";
import { LabStack } from "./lab-stack.ts";
import type { NatKind } from "./nat.ts";

export const TURN_PORT = 3_480;
export const TURN_SECRET = "north-0917-2468-abcdef";
export const TLS_PORT = 443;

export type LabBrowser = { readonly host: Host; readonly home: Home; readonly pages: GamePages };

export class BrowserLab {
  readonly lab: Lab;
  readonly stack: LabStack;
  /** The host of coturn. */
  readonly turn: Host;
  readonly #folder: string;

  private constructor(lab: Lab, stack: LabStack, turn: Host, folder: string) {
    this.lab = lab;
    this.stack = stack;
    this.turn = turn;
    this.#folder = folder;
  }

  /** `bundle`: the folder of the hub. */
  static async open(bundle: string): Promise<BrowserLab> {
    const lab = await Lab.open();
    try {
      const [server, turn] = [await lab.host(), await lab.host()];
      const folder = mkdtempSync(join(tmpdir(), "parley-browsers-"));
      makeCertificates(folder, turn.address);
      const plain = `turn:${turn.address}:${TURN_PORT}?transport=`;
      const TURN_URLS = `${plain}udp,${plain}tcp,turns:${turn.address}:${TLS_PORT}?transport=tcp`;
      const ports = `${TURN_PORT},${TLS_PORT}`;
      const [stack] = await Promise.all([
        LabStack.open(server, bundle, { settings: { TURN_URLS, TURN_SECRET } }),
        turn.run("turn.ts", [turnCommand(folder), TURN_SECRET, turn.address, ports]),
      ]);
      return new BrowserLab(lab, stack, turn, folder);
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** A browser on a host behind a new router. */
  async browser(kind: NatKind, options: HomeOptions = {}): Promise<LabBrowser> {
    const home = await this.lab.home(kind, options);
    const host = await this.lab.host({ net: home });
    return { host, home, pages: await this.pagesOn(host) };
  }

  async pagesOn(host: Host): Promise<GamePages> {
    const script = join(this.#folder, `chromium-${host.name}`);
    writeFileSync(script, `#!/bin/sh\nexec ${host.commandPrefix.join(" ")} ${CHROMIUM} "$@"\n`, { mode: 0o755 });
    const flags = [`--ignore-certificate-errors-spki-list=${this.#certificateKey()}`];
    return GamePages.open(await launch(flags, script), { isElsewhere: true });
  }

  async close(): Promise<void> {
    await this.stack.close().finally(() => this.lab.close());
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The digest of the key of coturn's certificate, by which Chromium accepts this certificate without its authority. */
  #certificateKey(): string {
    const openssl = (args: readonly string[], input: Buffer): Buffer => execFileSync("openssl", args, { input });
    const key = openssl(["x509", "-pubkey", "-noout"], readFileSync(join(this.#folder, "good.crt")));
    const der = openssl(["pkey", "-pubin", "-outform", "der"], key);
    return openssl(["dgst", "-sha256", "-binary"], der).toString("base64");
  }
}

/** The command of the page for operators, with the options for TLS that it names. */
function turnCommand(folder: string): string {
  const command = blocksOf("docs/operate/operate.md", "sh").find((block) => block.startsWith("turnserver "))!;
  const files = `--cert=${join(folder, "good.crt")} --pkey=${join(folder, "good.key")}`;
  return `${command.trim()} --tls-listening-port=${TLS_PORT} ${files}`;
}
