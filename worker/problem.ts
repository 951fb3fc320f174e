/** Refusals over HTTP: RFC 9457 problem documents, built from the table in shared/refusals.ts. */
import type { Fault } from "#shared/schema/decode.ts";
import { isRefusalCode, PROBLEM_TYPE, REFUSALS, type RefusalCode } from "#shared/refusals.ts";

/** Prefix of problem types: the same for every deployment, so that clients may compare them (RFC 9457, section 3.1.1). */
const PROBLEM_TYPES = "urn:parley:problem:";

export type ProblemDocument = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: RefusalCode;
  readonly detail: string | undefined;
  readonly retry_after_s: number | undefined;
  readonly errors: readonly Fault[] | undefined;
};

/** The document. `code` is the stable contract; `detail` is for people and contains no secret. */
export function problemDocument(
  code: RefusalCode,
  detail?: string,
  retry_after_s: number | undefined = REFUSALS[code].retry_after_s,
  errors?: readonly Fault[],
): ProblemDocument {
  const { status, message } = REFUSALS[code];
  return { type: `${PROBLEM_TYPES}${code}`, title: message, status, code, detail, retry_after_s, errors };
}

export function problem(code: RefusalCode, detail?: string, headers: Record<string, string> = {}): Response {
  return toResponse(problemDocument(code, detail), headers);
}

export function toResponse(document: ProblemDocument, headers: Record<string, string> = {}): Response {
  const { status, retry_after_s } = document;
  return new Response(JSON.stringify(document), {
    status,
    headers: {
      "content-type": PROBLEM_TYPE,
      "cache-control": "no-store",
      ...(retry_after_s !== undefined && { "retry-after": String(retry_after_s) }),
      ...headers,
    },
  });
}

/** A malformed request, with all its faults. */
export const malformed = (errors: readonly Fault[]): Response =>
  toResponse(problemDocument("invalid_request", firstFault(errors, "body"), undefined, errors));

/** The first fault in one line, for clients that show one. `whole`: what the document is called. */
export function firstFault([fault]: readonly Fault[], whole: string): string {
  const where = fault!.pointer.replace(/^[/?]/, "").replaceAll("/", ".");
  return `${where || whole}: ${fault!.message}`;
}

/** One sentence about a refusal, for a person. */
export function describeProblem(slug: string): Response {
  const code = slug.replaceAll("-", "_");
  if (!isRefusalCode(code)) return problem("not_found");
  const { status, message } = REFUSALS[code];
  return new Response(`${code} (HTTP ${status}): ${message}\n`, {
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "public, max-age=3600" },
  });
}
