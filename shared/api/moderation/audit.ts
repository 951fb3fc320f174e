/** The audit trail of a game: what operators did, or tried to do without the role. */
import { integer, list, nullable, object, oneOf, type Shape, text } from "../../schema/decode.ts";
import { AUDIT_BODY_LENGTH_MAX, PAGE_MAX } from "../../limits.ts";
import { time } from "../../lobby/fields.ts";
import { ROLES } from "../../settings/operator-keys.ts";

export const auditEntry = object({
  id: text(26),
  at: time,
  /** The first 8 hexadecimal digits of the SHA-256 of the operator's key. */
  operator: text(8),
  role: oneOf(...ROLES),
  /** `operationId` of the OpenAPI document. */
  operation: text(64),
  path: text(AUDIT_BODY_LENGTH_MAX),
  /** The beginning of the request's body. */
  body: text(AUDIT_BODY_LENGTH_MAX),
  status: integer(200, 599),
});
export type AuditEntry = Shape<typeof auditEntry>;

export const auditPage = object({ entries: list(auditEntry, PAGE_MAX), next_cursor: nullable(text(26)) });
