/**
 * Which life of its data a server is in. An incremental holds what was changed since an LSN, and LSNs do not identify a
 * server: a copy that was put back reaches the same ones again, with other pages. So the agent gives each life a name,
 * and begins a new one when the system tablespace is another file than before, or the LSN has gone back.
 *
 * A wrong "another" costs a full backup, a wrong "the same" would cost the chain: whatever is not sure is another.
 */
import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { dataDirectory, type Layout } from '../../domain/layout.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { BackupBase, BinlogPosition } from '../../domain/manifest.ts';
import type { ServerSettings } from '../../config/agent.ts';
import { removeDurably, writeDurably } from '../restore/files.ts';
import { type Connection, connect, rowsOf } from './sql.ts';

const record = z.object({ id: z.string(), file: z.string(), lsn: z.number() });
type LineageRecord = z.infer<typeof record>;

const recordFile = (stateDirectory: string): string => path.join(stateDirectory, 'lineage.json');

/**
 * The name of the life that the running server is in.
 *
 * @param base what an incremental is to build on; left out for a full
 * @throws chain_broken when the server does not go on where the base ends; database_unreachable,
 *   database_access_denied
 */
export async function requireLineage({
  server,
  layout,
  stateDirectory,
  base,
}: {
  server: ServerSettings;
  layout: Layout;
  stateDirectory: string;
  base: BackupBase | undefined;
}): Promise<string> {
  await using connection = await connect(server);
  const lsn = await currentLsn(connection);
  const lineage = await currentLineage(stateDirectory, layout, lsn);
  if (!base) return lineage;
  const broken =
    base.server !== lineage
      ? 'its data was replaced since, or its agent cannot know that it was not'
      : lsn < base.toLsn
        ? `it is at LSN ${lsn}, before ${base.toLsn}, where the last backup ends`
        : await binlogBreak(connection, base.binlog);
  if (broken === undefined) return lineage;
  throw new TidemarkError(
    'chain_broken',
    `The server does not go on where the backup ${base.backupId} ends: ${broken}. Take a full backup.`,
  );
}

async function currentLsn(connection: Connection): Promise<number> {
  const [row] = await rowsOf<{ Value: string }>(connection, "SHOW GLOBAL STATUS LIKE 'Innodb_lsn_current'");
  return Number(row?.Value ?? 0);
}

/**
 * The name of the life that the server is in now. Writes down where it stands, to be compared the next time.
 *
 * @param lsn where its redo log stands now
 */
async function currentLineage(stateDirectory: string, layout: Layout, lsn: number): Promise<string> {
  const file = await identityOf(systemTablespace(layout));
  const known = await readRecord(stateDirectory);
  const same = known && file !== '' && known.file === file && lsn >= known.lsn;
  const id = same ? known.id : randomUUID();
  await writeDurably(recordFile(stateDirectory), JSON.stringify({ id, file, lsn }));
  return id;
}

/** As `currentLineage`; undefined where the system tablespace is not to be seen, and so nothing can be known. */
export async function knownLife(
  stateDirectory: string,
  layout: Layout,
  lsn: number,
): Promise<string | undefined> {
  const file = await identityOf(systemTablespace(layout));
  return file === '' ? undefined : await currentLineage(stateDirectory, layout, lsn);
}

/** The server's data is about to be replaced: whatever is there next is another life. */
export async function endLineage(stateDirectory: string): Promise<void> {
  await removeDurably(recordFile(stateDirectory));
}

/** The file that every life of an InnoDB server's data has, and has once. */
function systemTablespace(layout: Layout): string {
  const [first = 'ibdata1'] = layout.innodbDataFiles;
  const home = layout.members.find(({ kind }) => kind === 'innodb')?.directory ?? dataDirectory(layout);
  return path.resolve(home, first.split(':')[0] ?? 'ibdata1');
}

/** Tells a file from any other that had its name before; empty when it is not there. */
async function identityOf(file: string): Promise<string> {
  try {
    const { dev, ino, birthtimeNs } = await stat(file, { bigint: true });
    return `${dev}:${ino}:${birthtimeNs}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

async function readRecord(stateDirectory: string): Promise<LineageRecord | undefined> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(recordFile(stateDirectory), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
  return record.safeParse(content).data;
}

/**
 * Why the server's binlog cannot have gone on from a position that a backup noted, a clause; undefined when nothing
 * speaks against it. One that was purged meanwhile says nothing.
 *
 * This finds a file system that was put back to a snapshot, under the same files.
 */
async function binlogBreak(
  connection: Connection,
  noted: BinlogPosition | undefined,
): Promise<string | undefined> {
  const [state] = await rowsOf<{ logBin: number }>(connection, 'SELECT @@log_bin AS logBin');
  if (state?.logBin !== 1 || !noted) return undefined;
  const logs = await rowsOf<{ Log_name: string; File_size: number | bigint }>(connection, 'SHOW BINARY LOGS');
  const found = logs.find(({ Log_name: name }) => name === noted.file);
  if (found) {
    if (Number(found.File_size) >= noted.position) return undefined;
    return `its binlog ${noted.file} ends at ${found.File_size}, before the position ${noted.position} of the last backup`;
  }
  const newest = logs.at(-1)?.Log_name ?? '';
  if (numberOf(newest) >= numberOf(noted.file)) return undefined;
  return `its newest binlog is ${newest}, and the last backup noted ${noted.file}`;
}

/** `bin.000012` → 12 */
function numberOf(file: string): number {
  return Number(/\.(\d+)$/.exec(file)?.[1] ?? -1);
}
