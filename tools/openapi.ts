/** `npm run openapi`: writes docs/openapi.json, which the Worker also serves; a test holds the two together. */
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { openapi } from "#shared/openapi.ts";

const ROOT = resolve(import.meta.dirname, "..");
await writeFile(join(ROOT, "docs/openapi.json"), `${JSON.stringify(openapi(), null, 2)}\n`);
