/**
 * A dump of a running server: what mariadb-dump writes, compressed and, with recipients, encrypted, as one stream. What
 * comes out is worth nothing until `whole()` has said so.
 */
import { rm } from 'node:fs/promises';
import type { BackupSettings, ServerSettings } from '../../config/agent.ts';
import type { AtRest } from '../../domain/at-rest.ts';
import type { DumpFilter } from '../../domain/dump.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { BinlogPosition, DumpContent } from '../../domain/manifest.ts';
import { bytesReadBy } from '../backup/estimate.ts';
import { bytesCompressed } from '../backup/outcome.ts';
import type { RunningBackup } from '../backup/physical.ts';
import type { Attempt, Log } from '../context.ts';
import { failedStage, startPipeline, type Pipeline } from '../processes/pipeline.ts';
import { findProgram, programVersion } from '../programs.ts';
import { readAtRest } from '../server/at-rest.ts';
import { readFacts, type ServerFacts } from '../server/facts.ts';
import { requireForDump } from '../server/requirements.ts';
import { connect } from '../server/sql.ts';
import { createDumpScratch, dumpStages, type DumpScratch } from './command.ts';
import { type DumpSubject, inspectSubject } from './contents.ts';
import { explainDumpFailure, readDumpNotes } from './outcome.ts';

/** What is known of a dump once it is whole. Times are RFC 3339 in UTC, sizes bytes. */
export interface DumpFacts {
  content: DumpContent;
  /** Left out when the server keeps no binlog. */
  binlog?: BinlogPosition;
  serverVersion: string;
  toolVersion: string;
  memoryTables: string[];
  /** Left out where the server keeps nothing encrypted. */
  atRest?: AtRest;
  uncompressedBytes: number;
  dataBytes: number;
  /** The instant that it shows, rounded up to the second. */
  pointInTime: string;
  endedAt: string;
  warnings: string[];
}

/**
 * Starts a dump. What would make it fail at its end is refused here.
 *
 * @throws database_unreachable, database_access_denied, privilege_missing, tool_missing, dump_empty
 */
export async function startDump({
  server,
  backup,
  filter,
  attempt,
}: {
  server: ServerSettings;
  backup: BackupSettings;
  filter: DumpFilter;
  attempt: Attempt;
}): Promise<RunningBackup<DumpFacts>> {
  await findProgram(server, 'mariadb-dump');
  const toolVersion = await programVersion(server, 'mariadb-dump');
  const { facts, subject } = await askServer(server, filter, attempt.log);
  attempt.signal.throwIfAborted();
  const scratch = await createDumpScratch(server, attempt.folder);
  const tidyUp = (): Promise<void> => rm(scratch.folder, { recursive: true, force: true });
  const startedAt = new Date();
  let pipeline: Pipeline;
  try {
    const { content } = subject;
    pipeline = await startPipeline(
      await dumpStages(server, backup, scratch, { content, logBin: facts.logBin, toolVersion }),
      attempt,
    );
  } catch (error) {
    await tidyUp();
    throw error;
  }
  const { output } = pipeline;
  if (!output) {
    await pipeline.end();
    await tidyUp();
    const failed = failedStage(await pipeline.finished);
    const said = 'The programs of the dump could not be joined: out of descriptors.';
    throw failed?.error ?? new TidemarkError('backup_tool_failed', said);
  }
  let bytesRead = 0;
  return {
    output,
    startedAt: startedAt.toISOString(),
    estimated: Promise.resolve(subject.rowBytes),
    whole: async () => {
      const results = await pipeline.finished;
      attempt.signal.throwIfAborted();
      const failed = failedStage(results);
      if (failed) throw explainDumpFailure(failed);
      bytesRead = bytesCompressed(results[1]?.stderr ?? '') ?? bytesRead;
      return await describe({ facts, subject, scratch, toolVersion, uncompressedBytes: bytesRead });
    },
    end: async () => {
      await pipeline.end();
      await pipeline.finished;
      await tidyUp();
    },
    progress: () => {
      bytesRead = Math.max(bytesRead, bytesReadBy(pipeline.pids[1]) ?? 0);
      return { bytesRead, bytesEstimated: Math.max(subject.rowBytes, bytesRead) };
    },
  };
}

type AskedFacts = ServerFacts & { atRest: AtRest | undefined };

async function askServer(
  server: ServerSettings,
  filter: DumpFilter,
  log: Log,
): Promise<{ facts: AskedFacts; subject: DumpSubject }> {
  await using connection = await connect(server);
  const facts = await readFacts(connection);
  requireForDump(facts);
  const atRest = await readAtRest(connection, facts, log);
  return { facts: { ...facts, atRest }, subject: await inspectSubject(connection, filter) };
}

async function describe({
  facts,
  subject,
  scratch,
  toolVersion,
  uncompressedBytes,
}: {
  facts: AskedFacts;
  subject: DumpSubject;
  scratch: DumpScratch;
  toolVersion: string;
  uncompressedBytes: number;
}): Promise<DumpFacts> {
  const { content, dataBytes, memoryTables, warnings } = subject;
  const { binlog, shownAt } = await readDumpNotes(scratch, content);
  if (facts.logBin && !binlog) {
    throw new TidemarkError(
      'backup_tool_failed',
      'The server keeps a binlog, and mariadb-dump noted no position in it: the dump could not be rolled forward.',
    );
  }
  return {
    content,
    ...(binlog && { binlog }),
    serverVersion: facts.version,
    toolVersion,
    memoryTables,
    ...(facts.atRest && { atRest: facts.atRest }),
    uncompressedBytes,
    // What the server estimates can be of long ago.
    dataBytes: Math.max(dataBytes, uncompressedBytes),
    pointInTime: new Date(Math.ceil(shownAt / 1000) * 1000).toISOString(),
    endedAt: new Date().toISOString(),
    warnings,
  };
}
