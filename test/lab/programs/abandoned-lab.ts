/** A laboratory with one program, for a test that kills its owner. Prints `{ pid }`, the first process inside. */
import { Lab } from "../lab.ts";
import { onLine, sendLine } from "./json-lines.ts";

const lab = await Lab.open();
await (await lab.host({ net: await lab.home("port-restricted") })).run("socket.ts", ["0"]);
sendLine({ pid: lab.pid });
onLine(
  () => {},
  () => lab.close(),
);
