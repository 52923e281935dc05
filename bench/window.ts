/** `npm run bench -- window`: how long a recovery window takes with a year of one service, on both databases. */
import { type BenchCatalog, onBothDatabases, timesOf, withApi } from './catalogs.ts';
import { percentile } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { organization, seedYear, serviceId } from './window-seed.ts';

interface Figures {
  p50_ms: number;
  p99_ms: number;
  /** Of the answer: none of them is there twice. */
  intervals: number;
  holes: number;
}

/** @returns for each database the median and the 99th percentile of the answers' times */
export async function benchWindow(
  options: BenchOptions,
  say: (message: string) => void,
  interrupted: AbortSignal,
): Promise<Record<string, unknown>> {
  const figures = await onBothDatabases(
    options.folder,
    interrupted,
    async (catalog) => await measure(catalog, options, say),
  );
  return { backups: options.backups, segments: options.segments, ...figures };
}

async function measure(
  catalog: BenchCatalog,
  { backups, segments, requests }: BenchOptions,
  say: (message: string) => void,
): Promise<Figures> {
  const { kind } = catalog;
  say(`Filling a catalog (${kind}) with ${backups} backups and ${segments} segments …`);
  await seedYear(catalog, { backups, segments });
  return await withApi(catalog, organization, async (ask) => {
    const path = `/services/${serviceId}/recovery-window`;
    const { intervals, holes } = (await ask(path)) as { intervals: unknown[]; holes: unknown[] };
    const times = await timesOf(async () => await ask(path), requests);
    const found = { p50_ms: percentile(times, 50), p99_ms: percentile(times, 99) };
    say(`  ${kind}: ${found.p50_ms} ms, 99 % within ${found.p99_ms} ms`);
    return { ...found, intervals: intervals.length, holes: holes.length };
  });
}
