/**
 * Failures of a hub's storage: a full or broken disk under plain workerd. They are no bug of Parley, so they get one log
 * line without a stack, clients get 503, and everything continues when the disk accepts writes again.
 */

/** What SQLite says, and what workerd makes of it where a hub cannot start. */
const STORAGE_FAULT =
  /SQLITE_(FULL|IOERR|READONLY|CANTOPEN|NOMEM)|disk is full|disk I\/O error|^internal error; reference/;

export const isStorageFault = (error: unknown): boolean => STORAGE_FAULT.test((error as Error).message ?? "");

/** Logs the failure, and returns a sentence for clients. `request_id`: the request that met it, if there is one. */
export function reportStorageFault(error: unknown, request_id?: string): string {
  console.error({
    message: "the hub's storage failed: is its disk full?",
    request_id,
    error: (error as Error).message.slice(0, 200),
  });
  return "the hub's storage does not accept writes now";
}
