/**
 * A place of its own for network namespaces: its own users, mounts and processes as well, held open by one process.
 * When that ends, the kernel ends every process inside and forgets every namespace and interface. It ends when its
 * stdin closes, that is with us, even by SIGKILL; so there is nothing with a name that a later run would have to sweep.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

/** Debian keeps `ip` and `nft` where only root's PATH looks. */
const PATH = `${process.env["PATH"]}:/usr/sbin:/sbin`;
const ENV = { PATH };
const IS_ROOT = process.getuid?.() === 0;
/** Root needs no namespace of users, and may be forbidden to make one. */
const USERS = IS_ROOT ? [] : ["--user", "--map-root-user"];
const UNSHARE = [...USERS, "--net", "--mount", "--pid", "--fork", "--kill-child"];
const SETTLE = "mount -t tmpfs tmpfs /run && mkdir /run/netns";
/** What a laboratory asks of the machine, in small. */
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

/** Whether to go without: a reason is printed. Where everything must be tested (CI), a missing lab is a failure. */
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
  /** Of the first process inside, as it is known outside. */
  readonly pid: number;
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess, pid: number) {
    this.#holder = holder;
    this.pid = pid;
  }

  static async open(): Promise<LabNamespaces> {
    // /proc is still the outer one, which is how the holder learns its outer number.
    const script = `${SETTLE} && read -r pid rest < /proc/self/stat && echo "$pid" && exec cat`;
    const holder = spawn("unshare", [...UNSHARE, "sh", "-c", script], { env: ENV, stdio: ["pipe", "pipe", "pipe"] });
    const complaint = text(holder.stderr);
    const [first] = (await Promise.race([once(holder.stdout, "data"), once(holder, "close")])) as [unknown];
    if (!(first instanceof Buffer)) throw new Error(`no space for namespaces: ${await complaint}`);
    return new LabNamespaces(holder, Number(first.toString("utf8")));
  }

  /** Runs shell lines with the names of this space (`ip -n NAME ...`); rejects with what they complained of. */
  async shell(lines: readonly string[]): Promise<void> {
    const enter = [...this.#enter(), `--mount=/proc/${this.pid}/ns/mnt`, `--net=/proc/${this.pid}/ns/net`];
    try {
      await promisify(execFile)("nsenter", [...enter, "sh", "-ec", lines.join("\n")], { env: ENV });
    } catch (error) {
      throw new Error(`${(error as { stderr: string }).stderr}in\n${lines.join("\n")}`, { cause: error });
    }
  }

  /**
   * What to put before a command to run it in the network namespace `name`, with the files and users of outside.
   * Unlike `ip netns exec` it reaches names that only this space knows. What kills the command before it kills it too.
   */
  commandPrefix(name: string): readonly string[] {
    const net = `--net=/proc/${this.pid}/root/run/netns/${name}`;
    return ["nsenter", ...this.#enter(), net, "setpriv", "--pdeathsig", "KILL"];
  }

  #enter(): string[] {
    const users = IS_ROOT ? [] : [`--user=/proc/${this.pid}/ns/user`, "--preserve-credentials"];
    return [...users, `--pid=/proc/${this.pid}/ns/pid`];
  }

  /** Ends everything that still runs inside. */
  async close(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    const over = once(this.#holder, "exit");
    this.#holder.stdin!.end();
    await over;
  }
}

/** Without IPv6, whose neighbour and multicast messages would cross every delayed link. */
export function namespaceCommands(name: string): string[] {
  return [
    `ip netns add ${name}`,
    `ip netns exec ${name} sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6' 2>/dev/null || true`,
  ];
}
