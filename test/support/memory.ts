/** What memory holds, without what is only not yet collected: growth is growth then, whenever the collector would run. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
export const collectGarbage = runInNewContext("gc") as () => void;

export function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
