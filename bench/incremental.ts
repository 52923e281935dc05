/** `npm run bench -- incremental`: incrementals on one full, ours against the same programs in a shell. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backup } from '../client/answers.ts';
import { changeBulk } from '../embedded/sample-data/bulk.ts';
import { connect } from '../mariadb/server/sql.ts';
import { readManifest } from '../storage/manifest.ts';
import { bareBackup } from './bare.ts';
import { compare, inTurns, timed } from './figures.ts';
import { backUp, localStore, removeBackup, type Bench } from './subject.ts';

/** Of the rows, which lie side by side. */
const changedPercent = 2;

export async function benchIncremental(bench: Bench): Promise<object> {
  const { stack, service, folder, options, say } = bench;
  const bareFolder = join(folder, 'bare');
  const store = await localStore(bench);
  // Each builds on the full, so that all have the same to look for.
  await stack.client.updateService(service.service_id, {
    chain: { incremental_base: 'full', max_share: 1000, max_chain: 1000 },
  });
  say('Taking the full that they build on …');
  const full = await backUp(bench);
  const { lineage } = (await readManifest(store, full.id)).manifest;
  say(`Changing ${changedPercent} % of the rows …`);
  await using connection = await connect({ defaults_file: service.defaults_file });
  await changeBulk(connection, changedPercent);
  let storedBytes = 0;
  const ours = async (): Promise<number> => {
    let backup: Backup | undefined;
    const ms = await timed(async () => (backup = await backUp(bench, 'incremental')));
    if (backup?.type !== 'incremental') throw new Error(`A full was taken instead: ${backup?.message ?? ''}`);
    say(`  Tidemark ${Math.round(ms)} ms`);
    storedBytes = backup.storage_bytes ?? 0;
    await removeBackup(store, backup.id);
    return ms;
  };
  const bare = async (): Promise<number> => {
    const ms = await timed(() => bareBackup(service, bareFolder, { fromLsn: lineage.toLsn }));
    await rm(bareFolder, { recursive: true });
    say(`  bare     ${Math.round(ms)} ms`);
    return ms;
  };
  say('Warming up …');
  await bare();
  await ours();
  say('Measuring …');
  const times = await inTurns(options.runs, ours, bare);
  return {
    ...compare(times.ours, times.bare),
    stored_bytes: storedBytes,
    full_stored_bytes: full.storage_bytes ?? 0,
  };
}
