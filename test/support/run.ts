/**
 * One run of the tests, as its parts know it: a folder that holds every temporary file, and a keeper process
 * (test/support/keeper.ts) that ends what the run started, also when Jest itself was killed.
 *
 * The folder's path is in the environment of every process of the run, as TMPDIR and as TIDEMARK_TEST_RUN. So
 * `os.tmpdir()` lies in it, and the keeper knows a process that was left behind by its environment.
 */

/** The variable that marks every process of a run; its value is the run's folder. */
export const runVariable = 'TIDEMARK_TEST_RUN';

/** The folder of the run that this process belongs to. */
export function runFolder(): string {
  const folder = process.env[runVariable];
  if (folder === undefined) throw new Error(`${runVariable} is not set: start tests with Jest`);
  return folder;
}

/** The keeper's socket: whoever connects is told, in one line of JSON, where the run's Temporal server is. */
export function keeperSocket(folder: string): string {
  return `${folder}/keeper`;
}
