/** A laboratory with a program in it, for a test that kills its owner. Says `{ pid }`, the first process inside. */
import { Lab } from "../lab.ts";
import { listen, say } from "./stage.ts";

const lab = await Lab.open();
await (await lab.host({ net: await lab.home("port-restricted") })).run("socket.ts", ["0"]);
say({ pid: lab.pid });
listen(
  () => {},
  () => lab.close(),
);
