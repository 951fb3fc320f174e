/** Checks responses against the OpenAPI document. */
import { Validator } from "@cfworker/json-schema";
import * as api from "#shared/api/lobbies.ts";
import { OPERATIONS, refusalsOf } from "#shared/api/openapi.ts";
import type { Method, Operation } from "#shared/api/operations/operation.ts";
import { PROBLEM_TYPE, type RefusalCode } from "#shared/refusals.ts";

type Found = { readonly path: string; readonly method: Method; readonly operation: Operation };

const RETRYABLE: ReadonlySet<number> = new Set([429, 500, 503]);
const validators = new Map<unknown, Validator>();
const PATHS = Object.keys(OPERATIONS).map(
  (path) => [path, new RegExp(`^${path.replaceAll(/\{[a-z]+\}/g, "[^/]+")}$`)] as const,
);

/** The operation of a request, or null. */
export function operationOf(method: string, path: string): Found | null {
  const found = PATHS.filter(([, pattern]) => pattern.test(path)).map(([known]) => known);
  // `by-key` also matches the pattern of a lobby id; the path with fewer parameters wins.
  const [known] = found.toSorted((a, b) => a.split("{").length - b.split("{").length);
  const name = (method === "HEAD" ? "GET" : method).toLowerCase() as Method;
  const operation = known === undefined ? undefined : OPERATIONS[known]![name];
  return operation === undefined ? null : { path: known!, method: name, operation };
}

/** What is wrong with a response, in words, or null. */
export function breach(request: Request, response: Response, body: string): string | null {
  const id = response.headers.get("x-request-id");
  if (id === null) return "the response lacks X-Request-Id";
  const found = operationOf(request.method, new URL(request.url).pathname);
  const type = (response.headers.get("content-type") ?? "").split(";", 1)[0]!;
  if (type === PROBLEM_TYPE) return problemBreach(found, response, body, id);
  if (found === null || response.status === 204) return null;
  const { operation } = found;
  const answer = operation.responses[response.status];
  if (answer === undefined) return `${operation.id} may not answer ${response.status}`;
  const missing = (answer.headers ?? []).find((name) => name !== "Link" && !response.headers.has(name));
  if (missing !== undefined) return `${operation.id} ${response.status} lacks ${missing}`;
  if (answer.body === undefined || request.method === "HEAD") return null;
  if (type !== "application/json") return `${operation.id} answers ${type}`;
  return mismatch(answer.body.schema, JSON.parse(body), operation.id);
}

function problemBreach(found: Found | null, response: Response, body: string, id: string): string | null {
  if (body === "") return null;
  const problem = JSON.parse(body) as {
    code: RefusalCode;
    status: number;
    request_id?: string;
    retry_after_s?: number;
  };
  if (problem.request_id !== id) return `the problem names the request ${problem.request_id}, the header ${id}`;
  const wait = response.headers.get("retry-after");
  if (wait !== (problem.retry_after_s?.toString() ?? null)) return `Retry-After is ${wait}`;
  if (wait === null && RETRYABLE.has(response.status)) return `${response.status} lacks Retry-After`;
  if (problem.status !== response.status) return `${response.status} says that it is ${problem.status}`;
  const wrong = mismatch(api.problem.schema, problem, "a problem");
  if (wrong !== null || found === null) return wrong;
  const allowed = refusalsOf(found.path, found.method, found.operation);
  return allowed.includes(problem.code) ? null : `${found.operation.id} may not refuse with ${problem.code}`;
}

function mismatch(schema: unknown, value: unknown, name: string): string | null {
  const validator = validators.get(schema) ?? new Validator(schema as object, "2020-12", true);
  validators.set(schema, validator);
  const { valid, errors } = validator.validate(value);
  return valid ? null : `${name}: ${errors.map((error) => `${error.instanceLocation} ${error.error}`).join("; ")}`;
}
