/** The Worker: HTTP in front, one hub per game and shard behind. */
import { app } from "./http/app.ts";

export { Hub } from "./hub/hub.ts";
export default app;
