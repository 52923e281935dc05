/** Catalogs to be measured, one in each of the two databases, and an api on each. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from '../catalog/database.ts';
import { postgresBackend } from '../catalog/postgres.ts';
import { sqliteBackend } from '../catalog/sqlite.ts';
import { inTemporaryFolder } from '../embedded/temporary.ts';
import { newKeyLine } from '../sealing/keys.ts';
import { startPostgres } from '../test/support/postgres.ts';
import { TestProcess } from '../test/support/process.ts';
import { unlessGivenUp } from './given-up.ts';

const token = 'only-for-this-benchmark';

export interface BenchCatalog {
  kind: 'sqlite' | 'postgres';
  location: string;
  backend: Backend;
  password: string;
  /** For files of the api. */
  folder: string;
  interrupted: AbortSignal;
}

/** @param folder in which a temporary one is made @param interrupted gives everything up */
export async function onBothDatabases<T>(
  folder: string,
  interrupted: AbortSignal,
  measure: (catalog: BenchCatalog) => Promise<T>,
): Promise<{ sqlite: T; postgres: T }> {
  return await inTemporaryFolder(folder, 'tidemark-bench-', async (temporary) => {
    const of = (catalog: Omit<BenchCatalog, 'folder' | 'interrupted'>): Promise<T> =>
      unlessGivenUp(interrupted, () => measure({ ...catalog, folder: temporary, interrupted }));
    const file = join(temporary, 'catalog.db');
    const sqlite = await of({
      kind: 'sqlite',
      location: `sqlite://${file}`,
      backend: sqliteBackend(file),
      password: '',
    });
    const server = await startPostgres();
    try {
      const location = await server.createDatabase();
      const { password } = server;
      const backend = postgresBackend(location, password);
      const postgres = await of({ kind: 'postgres', location, backend, password });
      return { sqlite, postgres };
    } finally {
      await server.stop();
    }
  });
}

/** Asks for a path below `/skybackup/v1`. @throws when the answer is not 200 */
export type Ask = (path: string) => Promise<unknown>;

/** @param organization of the one who asks */
export async function withApi<T>(
  { location, password, folder, interrupted }: BenchCatalog,
  organization: string,
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), `${text}\n`, { mode: 0o600 });
    return join(folder, name);
  };
  const api = new TestProcess('api', 'api/main.ts', [], {
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    TIDEMARK_PORT: '0',
    TIDEMARK_CATALOG: location,
    TIDEMARK_TOKENS_FILE: await file('tokens', `${token} ${organization} viewer`),
    TIDEMARK_SEALING_KEY_FILE: await file('sealing-key', newKeyLine()),
    TIDEMARK_SUBJECT_REQUESTS_PER_MINUTE: '0',
    TIDEMARK_ADDRESS_REQUESTS_PER_MINUTE: '0',
    TIDEMARK_LOG_LEVEL: 'info',
    ...(password === '' ? {} : { TIDEMARK_CATALOG_PASSWORD_FILE: await file('password', password) }),
  });
  await api.start('"msg":"ready"');
  try {
    const address = /"address":"([^"]+)"/.exec(api.output)?.[1] ?? '';
    const ask: Ask = async (path) => {
      const answer = await fetch(`${address}/skybackup/v1${path}`, { headers: { 'X-API-Key': token } });
      const text = await answer.text();
      if (answer.status !== 200) {
        throw new Error(`GET ${path} answered ${answer.status} with ${text.slice(0, 500)}`);
      }
      return JSON.parse(text) as unknown;
    };
    return await unlessGivenUp(interrupted, () => work(ask));
  } finally {
    await api.end();
  }
}

/** @returns milliseconds of each, as a client sees them, once the process is warm */
export async function timesOf(ask: () => Promise<unknown>, requests: number): Promise<number[]> {
  for (let warm = 0; warm < 20; warm += 1) await ask();
  const times: number[] = [];
  for (let done = 0; done < requests; done += 1) {
    const begun = performance.now();
    await ask();
    times.push(performance.now() - begun);
  }
  return times;
}
