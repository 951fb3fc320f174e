/** The Worker's entry point: the HTTP API, and the class of the Durable Object that holds a hub. */
import { app } from "./http/app.ts";

export { Hub } from "./hub/hub.ts";
export default app;
