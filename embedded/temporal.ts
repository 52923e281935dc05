/** Temporal's development server, with a database file: the same history after every start. */
import { searchAttributeNames } from '../domain/ids.ts';
import { runProgram } from '../mariadb/processes/run.ts';
import { findCachedProgram } from './programs.ts';

const version = '1.5.1';

/** The `temporal` program: the one on the PATH, else the one that scripts/setup put into the cache folder. */
export function findTemporalProgram(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  return findCachedProgram('temporal', version, 'scripts/setup fetches it', environment);
}

/** The arguments of a server on 127.0.0.1 that knows our search attributes and logs what went wrong alone. */
export function temporalArguments(options: {
  port: number;
  uiPort: number;
  database: string;
  namespace: string;
}): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1'],
    ...['--port', String(options.port), '--ui-port', String(options.uiPort)],
    ...['--db-filename', options.database, '--namespace', options.namespace],
    ...searchAttributeNames.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
    ...['--log-level', 'warn'],
  ];
}

/** Whether the server answers and has our search attributes: they are made after it has begun to answer. */
export async function temporalIsReady(
  program: string,
  address: string,
  namespace: string,
  environment: NodeJS.ProcessEnv,
): Promise<boolean> {
  const args = ['operator', 'search-attribute', 'list', '--address', address, '--namespace', namespace];
  const { code, stdout } = await runProgram(program, args, { timeoutMs: 10_000, env: environment });
  const names = new Set(stdout.split(/\s+/));
  return code === 0 && searchAttributeNames.every((name) => names.has(name));
}
