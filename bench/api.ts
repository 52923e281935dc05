/** `npm run bench -- api`: how long a list takes with very many backups in the catalog, on both databases. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from '../catalog/database.ts';
import { postgresBackend } from '../catalog/postgres.ts';
import { sqliteBackend } from '../catalog/sqlite.ts';
import { inTemporaryFolder } from '../embedded/temporary.ts';
import { newKeyLine } from '../sealing/keys.ts';
import { startPostgres } from '../test/support/postgres.ts';
import { TestProcess } from '../test/support/process.ts';
import { organization, seed } from './api-seed.ts';
import { percentile } from './figures.ts';
import type { BenchOptions } from './options.ts';

const token = 'only-for-this-benchmark';
const pageSize = 50;

/** What is asked, by a name; the pages are chosen of those that there are. */
const queries: Record<string, string> = {
  all: '',
  service: '&service_id=service-000042',
  status: '&status=Failed',
  type: '&type=dump',
  status_and_type: '&status=Succeeded&type=full',
  service_and_status: '&service_id=service-000007&status=Failed',
};

type Figures = Record<string, { p50_ms: number; p99_ms: number }>;

/** @returns for each database, each query and each page the median and the 99th percentile of the answers' times */
export async function benchApi(
  options: BenchOptions,
  say: (message: string) => void,
): Promise<Record<string, unknown>> {
  return await inTemporaryFolder(options.folder, 'tidemark-bench-', async (folder) => {
    const sqlite = join(folder, 'catalog.db');
    const onSqlite = await measure(folder, options, say, {
      kind: 'sqlite',
      location: `sqlite://${sqlite}`,
      backend: sqliteBackend(sqlite),
      password: '',
    });
    const server = await startPostgres();
    try {
      const location = await server.createDatabase();
      const { password } = server;
      const backend = postgresBackend(location, password);
      const onPostgres = await measure(folder, options, say, {
        kind: 'postgres',
        location,
        backend,
        password,
      });
      const all = [...Object.values(onSqlite), ...Object.values(onPostgres)];
      const slowest = Math.max(...all.map(({ p99_ms: p99 }) => p99));
      return { rows: options.rows, slowest_p99_ms: slowest, sqlite: onSqlite, postgres: onPostgres };
    } finally {
      await server.stop();
    }
  });
}

interface Catalog {
  kind: 'sqlite' | 'postgres';
  location: string;
  backend: Backend;
  password: string;
}

async function measure(
  folder: string,
  options: BenchOptions,
  say: (message: string) => void,
  { kind, location, backend, password }: Catalog,
): Promise<Figures> {
  say(`Filling a catalog (${kind}) with ${options.rows} backups …`);
  await seed(backend, kind, options.rows);
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
    const figures: Figures = {};
    for (const [name, filter] of Object.entries(queries)) {
      const { pages_count: pages } = await list(address, `page=1${filter}`);
      for (const [where, page] of [
        ['first', 1],
        ['middle', Math.ceil(pages / 2)],
        ['last', pages],
      ] as const) {
        const times = await timesOf(address, `page=${page}${filter}`, options.requests);
        const found = { p50_ms: percentile(times, 50), p99_ms: percentile(times, 99) };
        figures[`${name}_${where}`] = found;
        say(`  ${kind} ${name}, ${where} page: ${found.p50_ms} ms, 99 % within ${found.p99_ms} ms`);
      }
    }
    return figures;
  } finally {
    await api.end();
  }
}

async function timesOf(address: string, query: string, requests: number): Promise<number[]> {
  for (let warm = 0; warm < 20; warm += 1) await list(address, query);
  const times: number[] = [];
  for (let done = 0; done < requests; done += 1) {
    const begun = performance.now();
    await list(address, query);
    times.push(performance.now() - begun);
  }
  return times;
}

async function list(address: string, query: string): Promise<{ pages_count: number }> {
  const answer = await fetch(`${address}/skybackup/v1/backups?page_size=${pageSize}&${query}`, {
    headers: { 'X-API-Key': token },
  });
  const body = (await answer.json()) as { pages_count: number; backups: unknown[] };
  if (answer.status !== 200 || body.backups.length === 0) {
    throw new Error(
      `GET /backups?${query} answered ${answer.status} with ${JSON.stringify(body).slice(0, 500)}`,
    );
  }
  return body;
}
