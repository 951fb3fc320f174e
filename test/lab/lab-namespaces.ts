/**
 * A container for network namespaces, with its own user, mount and process namespaces, held open by one process.
 * When that process ends, the kernel kills every process inside and removes every namespace and interface. It ends when
 * its stdin closes, so even SIGKILL of the test run leaves nothing behind.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

/** Debian installs `ip` and `nft` in folders that are only on root's PATH. */
const PATH = `${process.env["PATH"]}:/usr/sbin:/sbin`;
const ENV = { PATH };
const IS_ROOT = process.getuid?.() === 0;
/** Root needs no user namespace, and some systems forbid root to create one. */
const USERS = IS_ROOT ? [] : ["--user", "--map-root-user"];
const UNSHARE = [...USERS, "--net", "--mount", "--pid", "--fork", "--kill-child"];
const SETTLE = "mount -t tmpfs tmpfs /run && mkdir /run/netns";
/** Uses every kernel feature that a laboratory needs, once. */
const PROBE = `set -e
${SETTLE}
ip netns add router
ip link add name wan type veth peer name lan netns router
ip -n router link add name br type bridge
ip netns exec router nft '
add table ip nat
add chain ip nat postrouting { type nat hook postrouting priority 100; }
add rule ip nat postrouting meta l4proto udp masquerade fully-random
add table bridge loss
add chain bridge loss in { type filter hook prerouting priority 0; }
add rule bridge loss in numgen random mod 2 < 1 drop'`;

/** If the laboratory cannot run, prints the reason and returns true, so that its tests are skipped; in CI it throws. */
export function isLabMissing(): boolean {
  try {
    execFileSync("unshare", [...UNSHARE, "sh", "-c", PROBE], { env: ENV, stdio: ["ignore", "ignore", "pipe"] });
    return false;
  } catch (error) {
    const { stderr, message } = error as { stderr?: Buffer; message: string };
    const said = (stderr?.toString("utf8") || message).trim();
    const reason = `no network namespaces with NAT here; needed are Linux, root or user namespaces, and Debian's iproute2 and nftables (${said})`;
    if (process.env["CI"]) throw new Error(reason, { cause: error });
    console.warn(`What leads through NATs is skipped: ${reason}.`);
    return true;
  }
}

export class LabNamespaces {
  /** The pid of the first process inside, as seen from outside. */
  readonly pid: number;
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess, pid: number) {
    this.#holder = holder;
    this.pid = pid;
  }

  static async open(): Promise<LabNamespaces> {
    // /proc is still the outer one, so the holder reads its outer pid there.
    const script = `${SETTLE} && read -r pid rest < /proc/self/stat && echo "$pid" && exec cat`;
    const holder = spawn("unshare", [...UNSHARE, "sh", "-c", script], { env: ENV, stdio: ["pipe", "pipe", "pipe"] });
    const complaint = text(holder.stderr);
    const [first] = (await Promise.race([once(holder.stdout, "data"), once(holder, "close")])) as [unknown];
    if (!(first instanceof Buffer)) throw new Error(`no space for namespaces: ${await complaint}`);
    return new LabNamespaces(holder, Number(first.toString("utf8")));
  }

  /** Runs shell lines that may name these namespaces (`ip -n NAME ...`); rejects with their error output. */
  async shell(lines: readonly string[]): Promise<void> {
    const enter = [...this.#enter(), `--mount=/proc/${this.pid}/ns/mnt`, `--net=/proc/${this.pid}/ns/net`];
    try {
      await promisify(execFile)("nsenter", [...enter, "sh", "-ec", lines.join("\n")], { env: ENV });
    } catch (error) {
      throw new Error(`${(error as { stderr: string }).stderr}in\n${lines.join("\n")}`, { cause: error });
    }
  }

  /**
   * The command prefix that runs a program in the network namespace `name`, with the files and users of the machine.
   * Unlike `ip netns exec` it finds names that are unknown outside. Killing the prefix kills the program.
   */
  commandPrefix(name: string): readonly string[] {
    const net = `--net=/proc/${this.pid}/root/run/netns/${name}`;
    return ["nsenter", ...this.#enter(), net, "setpriv", "--pdeathsig", "KILL"];
  }

  /** A name for these addresses, for programs that run with `namesPrefix`. */
  async addName(name: string, addresses: readonly string[]): Promise<void> {
    await this.shell([
      "[ -e /run/hosts ] || { cp /etc/hosts /run/hosts; mount --bind /run/hosts /etc/hosts; }",
      ...addresses.map((address) => `echo '${address} ${name}' >> /run/hosts`),
    ]);
  }

  /** The same as `commandPrefix` for a program that knows the laboratory's names. It does not see the machine's /run. */
  namesPrefix(name: string): readonly string[] {
    const [command, ...rest] = this.commandPrefix(name);
    return [command!, `--mount=/proc/${this.pid}/ns/mnt`, ...rest];
  }

  /** Signals every process in the network namespace `name`. */
  signal(name: string, signal: NodeJS.Signals): void {
    const space = statSync(`/proc/${this.pid}/root/run/netns/${name}`).ino;
    for (const pid of readdirSync("/proc")) if (networkOf(pid) === space) process.kill(Number(pid), signal);
  }

  #enter(): string[] {
    const users = IS_ROOT ? [] : [`--user=/proc/${this.pid}/ns/user`, "--preserve-credentials"];
    return [...users, `--pid=/proc/${this.pid}/ns/pid`];
  }

  /** Kills every process inside. */
  async close(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    const over = once(this.#holder, "exit");
    this.#holder.stdin!.end();
    await over;
  }
}

/** The inode of a process's network namespace; null for what is no process of ours. */
function networkOf(pid: string): number | null {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino;
  } catch {
    return null;
  }
}

/** Creates a namespace without IPv6, whose neighbour and multicast messages would cross every delayed link. */
export function namespaceCommands(name: string): string[] {
  return [
    `ip netns add ${name}`,
    `ip netns exec ${name} sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6' 2>/dev/null || true`,
  ];
}
