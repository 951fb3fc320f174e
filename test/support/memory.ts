/** The used heap after a garbage collection, so that growth does not depend on when the collector runs. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
export const collectGarbage = runInNewContext("gc") as () => void;

export function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
