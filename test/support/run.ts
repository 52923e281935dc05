/**
 * One run of the tests, as its parts know it: a folder that holds every temporary file, and a keeper process
 * (test/support/keeper.ts) that ends what the run started, also when Jest itself was killed.
 *
 * The folder's path is in the environment of every process of the run, as TMPDIR and as TIDEMARK_TEST_RUN. So
 * `os.tmpdir()` lies in it, and the keeper knows a process that was left behind by its environment.
 */

import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

/** The variable that marks every process of a run; its value is the run's folder. */
export const runVariable = 'TIDEMARK_TEST_RUN';

/** The folder of the run that this process belongs to. */
export function runFolder(): string {
  const folder = process.env[runVariable];
  if (folder === undefined) throw new Error(`${runVariable} is not set: start tests with Jest`);
  return folder;
}

/** The servers that all suites of a run share. The keeper starts each when it is first asked for. */
export type SharedServer = 'temporal' | 'postgres';

/** The keeper's socket: whoever sends the name of a shared server is told, in a line of JSON, where it is. */
export function keeperSocket(folder: string): string {
  return `${folder}/keeper`;
}

/** @returns where the server is: of Temporal `host:port`, of PostgreSQL the port of 127.0.0.1 */
export async function askKeeper(server: SharedServer): Promise<string> {
  const socket = connect(keeperSocket(runFolder()));
  await once(socket, 'connect');
  socket.write(server);
  const answer = JSON.parse(await text(socket)) as { address?: string; error?: string };
  if (answer.address === undefined) throw new Error(answer.error);
  return answer.address;
}
