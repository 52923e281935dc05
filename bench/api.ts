/** `npm run bench -- api`: how long a list takes with very many backups in the catalog, on both databases. */
import { organization, seed } from './api-seed.ts';
import { type Ask, type BenchCatalog, onBothDatabases, timesOf, withApi } from './catalogs.ts';
import { percentile } from './figures.ts';
import type { BenchOptions } from './options.ts';

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
  interrupted: AbortSignal,
): Promise<Record<string, unknown>> {
  const figures = await onBothDatabases(
    options.folder,
    interrupted,
    async (catalog) => await measure(catalog, options, say),
  );
  const all = Object.values(figures).flatMap((found) => Object.values(found));
  const slowest = Math.max(...all.map(({ p99_ms: p99 }) => p99));
  return { rows: options.rows, slowest_p99_ms: slowest, ...figures };
}

async function measure(
  catalog: BenchCatalog,
  options: BenchOptions,
  say: (message: string) => void,
): Promise<Figures> {
  const { kind, backend } = catalog;
  say(`Filling a catalog (${kind}) with ${options.rows} backups …`);
  await seed(backend, kind, options.rows);
  return await withApi(catalog, organization, async (ask) => {
    const figures: Figures = {};
    for (const [name, filter] of Object.entries(queries)) {
      const { pages_count: pages } = await list(ask, `page=1${filter}`);
      for (const [where, page] of [
        ['first', 1],
        ['middle', Math.ceil(pages / 2)],
        ['last', pages],
      ] as const) {
        const times = await timesOf(async () => await list(ask, `page=${page}${filter}`), options.requests);
        const found = { p50_ms: percentile(times, 50), p99_ms: percentile(times, 99) };
        figures[`${name}_${where}`] = found;
        say(`  ${kind} ${name}, ${where} page: ${found.p50_ms} ms, 99 % within ${found.p99_ms} ms`);
      }
    }
    return figures;
  });
}

async function list(ask: Ask, query: string): Promise<{ pages_count: number }> {
  const body = (await ask(`/backups?page_size=${pageSize}&${query}`)) as {
    pages_count: number;
    backups: unknown[];
  };
  if (body.backups.length === 0) throw new Error(`There are no backups at ${query}.`);
  return body;
}
