/** The first lines of the packaged sidecar, which is one file: errors of everything that follows name the sources. */
import { mapStackTraces } from "./stack-traces.ts";

mapStackTraces(import.meta.url);
await import("../main.ts");
