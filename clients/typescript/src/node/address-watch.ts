/** Notices within a third of a second that this machine has other addresses. */
import { ADDRESS_CHECK_MS } from "../connect/limits.ts";
import { ownAddresses } from "../probe/sockets.ts";
import type { NetworkWatch } from "../api/member-paths.ts";

export class AddressWatch implements NetworkWatch {
  readonly #onChange: () => void;
  readonly #timer: NodeJS.Timeout;
  #addresses = ownAddresses().join();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#timer = setInterval(() => this.#check(), ADDRESS_CHECK_MS).unref();
  }

  reset(): void {
    this.#addresses = ownAddresses().join();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const now = ownAddresses().join();
    // Without an address there is no network yet.
    if (now !== this.#addresses && now !== "" && now !== "127.0.0.1") this.#onChange();
  }
}
