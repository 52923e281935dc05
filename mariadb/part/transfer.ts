/** Rows from the copy into the running server: `mariadb-dump | mariadb`, some tables at a time. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { compareMajors } from '../../domain/versions.ts';
import type { Attempt } from '../context.ts';
import { bytesWrittenBy } from '../backup/estimate.ts';
import { accountGroup, clientStage, explainLoad, type LoadAccount } from '../dump/load.ts';
import { explainDumpFailure } from '../dump/outcome.ts';
import { failedStage, startPipeline } from '../processes/pipeline.ts';
import { findProgram, programVersion } from '../programs.ts';
import { readClientAccount } from '../server/options.ts';

/** How many tables go in one call: their names are arguments, of which there can be no more than two megabytes. */
const tablesAtOnce = 200;
/** The oldest mariadb-dump that can write the history of system-versioned tables. */
const historySince = '10.11';

export interface Transfer {
  server: ServerSettings;
  /** The administrator of the copy's private server. */
  account: LoadAccount;
  /** A database of the copy, its tables, and the database of the running server that has empty ones of these names. */
  from: string;
  tables: readonly string[];
  into: string;
  attempt: Attempt;
  /** Bytes that were written so far. */
  onProgress: (bytes: number) => void;
}

/**
 * @returns how many bytes of statements it were
 * @throws load_failed, backup_tool_failed, disk_full, tool_missing, database_unreachable; the signal's reason
 */
export async function transferRows(transfer: Transfer): Promise<number> {
  const { server, account, into, attempt, tables, onProgress } = transfer;
  const folder = path.join(attempt.folder, 'part');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const source = path.join(folder, 'copy.cnf');
  const target = path.join(folder, 'running.cnf');
  await writeFile(source, accountGroup(account), { mode: 0o600 });
  await writeFile(target, accountGroup(await readClientAccount(server), into), { mode: 0o600 });
  let written = 0;
  try {
    for (let first = 0; first < tables.length; first += tablesAtOnce) {
      const some = { ...transfer, tables: tables.slice(first, first + tablesAtOnce) };
      const before = written;
      written += await transferSome(some, { source, target }, (bytes) => onProgress(before + bytes));
    }
    return written;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function transferSome(
  { server, from, tables, attempt }: Transfer,
  { source, target }: { source: string; target: string },
  onProgress: (bytes: number) => void,
): Promise<number> {
  const history = compareMajors(await programVersion(server, 'mariadb-dump'), historySince) >= 0;
  const pipeline = await startPipeline(
    [
      {
        program: await findProgram(server, 'mariadb-dump'),
        args: [
          `--defaults-file=${source}`,
          // Tables, triggers and all else are made by others.
          '--no-create-info',
          '--skip-triggers',
          '--skip-add-locks',
          '--single-transaction',
          '--quick',
          '--hex-blob',
          '--default-character-set=utf8mb4',
          '--max-allowed-packet=1G',
          ...(history ? ['--dump-history'] : []),
          '--',
          from,
          ...tables,
        ],
      },
      await clientStage(server, target),
    ],
    attempt,
  );
  let bytes = 0;
  const look = (): void => {
    bytes = Math.max(bytes, bytesWrittenBy(pipeline.pids[0]) ?? 0);
    onProgress(bytes);
  };
  const looking = setInterval(look, 500);
  try {
    // The client has nothing to say.
    for await (const said of pipeline.output ?? []) if (said.length > 0) attempt.signal.throwIfAborted();
    const results = await pipeline.finished;
    attempt.signal.throwIfAborted();
    const failed = failedStage(results);
    if (failed) throw failed === results[0] ? explainDumpFailure(failed) : explainLoad(failed);
    return bytes;
  } finally {
    clearInterval(looking);
    await pipeline.end();
  }
}
