/**
 * Failures of a hub's storage: a full or broken disk under plain workerd. They are no bug of Parley, so they get one log
 * line without a stack, clients get 503, and everything continues when the disk accepts writes again.
 */

/** What SQLite says, and what workerd makes of it where a hub cannot start. */
const STORAGE_FAULT =
  /SQLITE_(FULL|IOERR|READONLY|CANTOPEN|NOMEM)|disk is full|disk I\/O error|^internal error; reference/;

export const isStorageFault = (error: unknown): boolean => STORAGE_FAULT.test((error as Error).message ?? "");

/** Logs the failure, and returns a sentence for clients. */
export function reportStorageFault(error: unknown): string {
  console.error({
    message: "the hub's storage failed: is its disk full?",
    error: (error as Error).message.slice(0, 200),
  });
  return "the hub's storage does not accept writes now";
}
