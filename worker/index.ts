/** The Worker's entry point: the HTTP API, and the classes of its Durable Objects. */
import { app } from "./http/app.ts";

export { Hub } from "./hub/hub.ts";
export { GameRegistry } from "./registry.ts";
export default app;
