/** Ends an example with one line and its usage, instead of a stack, when it fails or an argument is missing. */

export function explainFailures(usage: string, isComplete = true): void {
  const fail = (cause: string): never => {
    process.stderr.write(
      `${cause}\nUsage: node examples/${usage}\n\`npm start\` runs a hub at http://127.0.0.1:8787.\n`,
    );
    process.exit(1);
  };
  process.on("uncaughtException", ({ message }) => fail(message));
  if (!isComplete) fail("An argument is missing.");
}
