/** Notices that this machine may have another network: a change that the browser reports, or a sleep. */
import type { NetworkWatch } from "../api/member-paths.ts";
import { SLEEP_CHECK_MS, SLEEP_GAP_MS } from "../webrtc/limits.ts";

type NetworkInformation = EventTarget & { readonly type?: string };

export class BrowserNetworkWatch implements NetworkWatch {
  readonly #onChange: () => void;
  readonly #information = (navigator as { readonly connection?: NetworkInformation }).connection;
  readonly #timer: ReturnType<typeof setInterval>;
  #checkedAt = performance.now();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    addEventListener("online", onChange);
    this.#information?.addEventListener("change", onChange);
    this.#timer = setInterval(() => this.#check(), SLEEP_CHECK_MS);
  }

  /** Every change has a separate event here. */
  reset(): void {}

  close(): void {
    removeEventListener("online", this.#onChange);
    this.#information?.removeEventListener("change", this.#onChange);
    clearInterval(this.#timer);
  }

  /** A page in the background has slow timers, which is no sleep. */
  #check(): void {
    const now = performance.now();
    const hasSlept = now - this.#checkedAt > SLEEP_GAP_MS && document.visibilityState === "visible";
    this.#checkedAt = now;
    if (hasSlept) this.#onChange();
  }
}
