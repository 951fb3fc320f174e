/** Writes to a folder that a setting names, with an error that names the setting, the cause and the next step. */
import { makeFolder } from "../../udp-sidecar/config/make-folder.ts";

/** Creates the folder if needed and calls `write`. */
export function inFolder<Result>(setting: string, folder: string, write: () => Result): Result {
  try {
    makeFolder(folder);
    return write();
  } catch (error) {
    const cause = (error as Error).message.split(", ")[0]!;
    throw new Error(
      `${setting}: ${folder} cannot be written (${cause}). Make room there, or set ${setting} to another folder.`,
      {
        cause: error,
      },
    );
  }
}
