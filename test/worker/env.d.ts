/** Types of `cloudflare:workers` in tests: the Worker's own bindings and exports. */
import type { Env as HubEnv } from "../../worker/env.ts";
import type * as main from "../../worker/index.ts";

declare global {
  namespace Cloudflare {
    interface Env extends HubEnv {}
    interface GlobalProps {
      mainModule: typeof main;
      durableNamespaces: "Hub" | "GameRegistry";
    }
  }
}
