/** The version of hub and sidecar. `/healthz` and the sidecar list show it, so that an operator sees which is older. */
export const VERSION = "0.1.0";
