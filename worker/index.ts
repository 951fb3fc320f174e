/** The Worker: HTTP in front, one hub per game and shard behind. */
import { app } from "./app.ts";

export { Hub } from "./hub.ts";
export default app;
