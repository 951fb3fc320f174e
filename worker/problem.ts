/** Refusals over HTTP: RFC 9457 problem documents, built from the table in shared/refusals.ts. */
import type { Fault } from "#shared/schema/decode.ts";
import { isRefusalCode, REFUSALS, type RefusalCode } from "#shared/refusals.ts";

/** Prefix of problem types: the same for every deployment, so that clients may compare them (RFC 9457, section 3.1.1). */
const PROBLEM_TYPES = "urn:parley:problem:";

/** The document. `code` is the stable contract; `detail` is for people and contains no secret. */
export function problemDocument(
  code: RefusalCode,
  detail?: string,
  retry_after_s?: number,
  errors?: readonly Fault[],
): object {
  const { status, message } = REFUSALS[code];
  return { type: `${PROBLEM_TYPES}${code}`, title: message, status, code, detail, retry_after_s, errors };
}

export function problem(
  code: RefusalCode,
  detail?: string,
  headers: Record<string, string> = {},
  errors?: readonly Fault[],
): Response {
  const { status } = REFUSALS[code];
  const later = code === "draining" ? "60" : "2";
  const retry: Record<string, string> = status === 503 ? { "retry-after": later, ...headers } : headers;
  const wait = retry["retry-after"];
  const body = problemDocument(code, detail, wait === undefined ? undefined : Number(wait), errors);
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...retry },
  });
}

/** A malformed request, with all its faults. */
export const malformed = (errors: readonly Fault[]): Response =>
  problem("invalid_request", firstFault(errors, "body"), {}, errors);

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
