/**
 * `npm run openapi`: writes docs/openapi.json, which the Worker serves, and the types of the TypeScript client. Tests
 * compare both files with the sources.
 */
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { openapi } from "#shared/api/openapi.ts";
import { parseCommandLine } from "../command-line.ts";
import { generateTypes } from "./types.ts";

const HELP = `
Usage: npm run openapi

Writes docs/openapi.json and the types of the TypeScript client from the API's decoders.
`;

parseCommandLine(HELP, {}, () => {});
const ROOT = resolve(import.meta.dirname, "../..");
const document = openapi();
await writeFile(join(ROOT, "docs/openapi.json"), `${JSON.stringify(document, null, 2)}\n`);
await writeFile(join(ROOT, "clients/typescript/src/api/types.ts"), generateTypes(JSON.parse(JSON.stringify(document))));
