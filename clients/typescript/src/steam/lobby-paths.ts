/**
 * Paths for messages between the members of a lobby: the hub introduces two members once the other accepts. A member
 * that ignores a request reveals no address.
 */
import type { Peer } from "../connect/peer.ts";
import { PAYLOAD_BYTES_MAX } from "../path/limits.ts";
import type { LobbyMembership } from "../node/client.ts";
import { ConnectionEnd } from "../messages/steam-constants.ts";
import type { DatagramPath, Paths, PathsListener } from "../messages/path.ts";

/** Steam's value of each reason of the hub. */
const ENDS: Readonly<Record<string, number>> = {
  remote_timeout: ConnectionEnd.RemoteTimeout,
  remote_denied: ConnectionEnd.RemoteDenied,
  remote_left: ConnectionEnd.RemoteTimeout,
  misc_relay_exhausted: ConnectionEnd.MiscP2PNATFirewall,
  misc_relay_unavailable: ConnectionEnd.MiscP2PNATFirewall,
};

export class LobbyPaths implements Paths {
  on: PathsListener | null = null;
  readonly #membership: LobbyMembership;
  readonly #asking = new Map<string, { readonly accept: () => void; readonly deny: () => void }>();
  readonly #open = new Map<string, Peer>();

  constructor(membership: LobbyMembership) {
    this.#membership = membership;
    membership.on("request", ({ peer_id, accept, deny }) => {
      this.#asking.set(peer_id, { accept, deny });
      this.on?.requested(peer_id);
    });
    membership.on("peer", (peer) => this.#opened(peer));
  }

  connect(peer: string): void {
    this.#membership.connect(peer, { relay: true }).then(
      (found) => this.#opened(found),
      (error: unknown) => this.#failed(peer, error instanceof Error ? error.message : String(error)),
    );
  }

  accept(peer: string): void {
    const asking = this.#asking.get(peer);
    this.#asking.delete(peer);
    asking?.accept();
  }

  refuse(peer: string): void {
    const asking = this.#asking.get(peer);
    this.#asking.delete(peer);
    asking?.deny();
  }

  #failed(peer: string, why: string): void {
    const [reason = ""] = why.split(":", 1);
    this.on?.failed(peer, ENDS[reason] ?? ConnectionEnd.MiscP2PRendezvous, why);
  }

  #opened(peer: Peer): void {
    if (this.#open.get(peer.id) === peer || peer.isClosed) return;
    this.#open.set(peer.id, peer);
    const path: DatagramPath = {
      get kind() {
        return peer.path;
      },
      get rtt_ms() {
        return peer.rtt_ms;
      },
      mtu: PAYLOAD_BYTES_MAX,
      onDatagram: null,
      onClosed: null,
      send: (bytes) => void peer.send(bytes),
      close: () => peer.close(),
    };
    peer.on("datagram", (payload) => path.onDatagram?.(payload));
    peer.on("closed", (why) => {
      if (this.#open.get(peer.id) === peer) this.#open.delete(peer.id);
      path.onClosed?.(ConnectionEnd.RemoteTimeout, why);
    });
    this.on?.opened(peer.id, path);
  }
}
