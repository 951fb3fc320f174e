/**
 * `npm run openapi`: writes docs/openapi.json, which the Worker also serves, and the same shapes as types of the
 * TypeScript client. Tests hold them together.
 */
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { openapi } from "#shared/api/openapi.ts";
import { shapesOf } from "./types.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const document = openapi();
await writeFile(join(ROOT, "docs/openapi.json"), `${JSON.stringify(document, null, 2)}\n`);
await writeFile(join(ROOT, "clients/typescript/src/api/types.ts"), shapesOf(JSON.parse(JSON.stringify(document))));
