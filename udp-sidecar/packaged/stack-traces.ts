/**
 * Stack traces that name the sources instead of the bundle. Node's own option reads the source map at start, which costs
 * 20 MB; here it is read when the first stack is.
 */
import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";

/** `bundle`: the URL of the bundle. Its map is beside it, with the extension .map. */
export function mapStackTraces(bundle: string): void {
  let map: SourceMap | null = null;
  let isRead = false;
  Error.prepareStackTrace = (error, frames) => {
    if (!isRead) map = readMap(bundle);
    isRead = true;
    const lines = frames.map((frame) => `\n    at ${mapped(frame, bundle, map)}`);
    return `${errorText(error)}${lines.join("")}`;
  };
}

/** V8 formats a frame as a line of a stack, which the types do not say. */
type Frame = NodeJS.CallSite & { readonly toString: () => string };

function mapped(frame: Frame, bundle: string, map: SourceMap | null): string {
  const [line, column] = [frame.getLineNumber(), frame.getColumnNumber()];
  const text = frame.toString();
  if (map === null || line === null || column === null || frame.getFileName() !== bundle) return text;
  const origin = map.findOrigin(line, column);
  if (!("fileName" in origin)) return text;
  return text.replace(`${bundle}:${line}:${column}`, `${origin.fileName}:${origin.lineNumber}:${origin.columnNumber}`);
}

/** Null without a readable map: the lines of the bundle are better than none. */
function readMap(bundle: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(bundle)}.map`, "utf8")) as SourceMapPayload);
  } catch {
    return null;
  }
}

function errorText(error: Error): string {
  try {
    return String(error);
  } catch {
    // The thrown object has a faulty toString.
    return "Error";
  }
}
