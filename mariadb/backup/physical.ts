/**
 * A full or incremental backup of a running server: mariadb-backup, compressed and, with recipients, encrypted, as one
 * stream. What comes out is worth nothing until `whole()` has said so.
 */
import { rm } from 'node:fs/promises';
import type { BackupSettings, ServerSettings } from '../../config/agent.ts';
import type { AtRest } from '../../domain/at-rest.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Layout } from '../../domain/layout.ts';
import type { BinlogPosition } from '../../domain/manifest.ts';
import { majorVersion } from '../../domain/versions.ts';
import type { Attempt, Log } from '../context.ts';
import { findProgram, programVersion } from '../programs.ts';
import { failedStage, startPipeline, type Pipeline, type StageResult } from '../processes/pipeline.ts';
import { readAtRest } from '../server/at-rest.ts';
import { has, readFacts, type ServerFacts } from '../server/facts.ts';
import { contentWarnings, requireForBackup } from '../server/requirements.ts';
import { connect } from '../server/sql.ts';
import { backupStages, createScratch, type Scratch } from './command.ts';
import { bytesReadBy, estimateBytes } from './estimate.ts';
import { bytesCompressed, explainFailure, readToolNotes, ToolLog } from './outcome.ts';

/** What is known of a backup once it is whole. Times are RFC 3339 in UTC. */
export interface PhysicalBackupFacts {
  fromLsn: number;
  toLsn: number;
  lastLsn: number;
  /** Left out when the server keeps no binlog. */
  binlog?: BinlogPosition;
  serverVersion: string;
  toolVersion: string;
  memoryTables: string[];
  /** Left out where the server keeps nothing encrypted. */
  atRest?: AtRest;
  /** Bytes before compression. */
  uncompressedBytes: number;
  /** What the files that the tool reads took when it began; 0 when that is not known. */
  dataBytes: number;
  /** The instant that the backup restores to, rounded up to the second: nothing later is in it. */
  pointInTime: string;
  endedAt: string;
  /** Things that a person should know, each a sentence. */
  warnings: string[];
}

export interface RunningBackup<Facts = PhysicalBackupFacts> {
  /** The backup's bytes. Ends without an error also when a program was killed: only `whole()` tells. */
  output: AsyncIterable<Uint8Array>;
  startedAt: string;
  /**
   * To be asked when `output` has ended, and before the backup is taken for one.
   * @throws backup_tool_failed, redo_overrun, privilege_missing, disk_full, database_access_denied,
   *   database_unreachable; the signal's reason
   */
  whole(): Promise<Facts>;
  /** Ends all programs, waits for them and removes the scratch files. May be called at any time, and again. */
  end(): Promise<void>;
  /** Bytes before compression, once the files were looked at; 0 when that was not possible. */
  estimated: Promise<number>;
  /**
   * How many bytes of the server's files were copied, or, for an incremental, looked through; 0 are expected until the
   * files were looked at.
   */
  progress(): { bytesRead: number; bytesEstimated: number };
}

export interface PhysicalBackupOptions {
  server: ServerSettings;
  /** Where the server keeps its files, once it is known: only for how large the backup will be. */
  layout: Promise<Layout>;
  backup: BackupSettings;
  attempt: Attempt;
  /** Left out for a full: what the new one builds on. */
  base?: { toLsn: number; serverVersion: string };
}

/**
 * Starts a backup. What would make it fail at its end is refused here.
 * @throws database_unreachable, database_access_denied, privilege_missing, tool_missing, tool_version_mismatch;
 *   chain_broken when the server is of another version than the base
 */
export async function startPhysicalBackup({
  server,
  layout,
  backup,
  attempt,
  base,
}: PhysicalBackupOptions): Promise<RunningBackup> {
  await findProgram(server, 'mariadb-backup');
  const [facts, toolVersion] = await Promise.all([
    askServer(server, attempt.log),
    programVersion(server, 'mariadb-backup'),
  ]);
  requireForBackup(facts, toolVersion);
  if (base) requireSameMajor(base, facts);
  attempt.signal.throwIfAborted();

  const scratch = await createScratch(server, attempt.folder);
  const toolLog = new ToolLog();
  const startedAt = new Date();
  let pipeline: Pipeline;
  try {
    const checkpoint = backup.checkpoint && has(facts, 'SUPER');
    pipeline = await startPipeline(
      await backupStages(server, backup, scratch, { checkpoint, ...(base && { fromLsn: base.toLsn }) }),
      {
        folder: attempt.folder,
        signal: attempt.signal,
        onStderrLine: (line, stage) => {
          if (stage === 0) toolLog.add(line);
        },
      },
    );
  } catch (error) {
    await rm(scratch.folder, { recursive: true, force: true });
    throw error;
  }
  const { output } = pipeline;
  if (!output) {
    // The last program could not be started; the others are not left behind.
    await pipeline.end();
    await rm(scratch.folder, { recursive: true, force: true });
    throw notJoined(await pipeline.finished);
  }
  // An incremental reads all files and sends few of their pages: what is read tells how far it is.
  const reader = pipeline.pids[base ? 0 : 1];
  let bytesRead = 0;
  let uncompressedBytes = 0;
  let bytesEstimated = 0;
  const estimated = layout
    .then(async (known) => (bytesEstimated = await estimateBytes(server, known)))
    // Nothing depends on it but progress and the size of parts; whoever gave the layout is told as well.
    .catch((error: unknown) => {
      attempt.log.warn({ err: error }, 'The size of the backup could not be estimated.');
      return 0;
    });
  return {
    output,
    estimated,
    startedAt: startedAt.toISOString(),
    whole: async () => {
      const results = await pipeline.finished;
      attempt.signal.throwIfAborted();
      const failed = failedStage(results);
      if (failed) throw explainFailure(failed, toolLog.tellingLines);
      if (!toolLog.completed) {
        throw new TidemarkError(
          'backup_tool_failed',
          `mariadb-backup ended without "completed OK!". It said: ${toolLog.tellingLines.join(' | ')}`,
        );
      }
      uncompressedBytes = bytesCompressed(results[1]?.stderr ?? '') ?? bytesRead;
      if (!base) bytesRead = uncompressedBytes;
      return describe({
        facts,
        scratch,
        toolLog,
        backup,
        uncompressedBytes,
        dataBytes: bytesEstimated,
        base,
      });
    },
    end: async () => {
      await pipeline.end();
      await pipeline.finished;
      await rm(scratch.folder, { recursive: true, force: true });
    },
    progress: () => {
      bytesRead = Math.max(bytesRead, bytesReadBy(reader) ?? 0);
      return { bytesRead, bytesEstimated: bytesEstimated === 0 ? 0 : Math.max(bytesEstimated, bytesRead) };
    },
  };
}

type AskedFacts = ServerFacts & { atRest: AtRest | undefined };

async function askServer(server: ServerSettings, log: Log): Promise<AskedFacts> {
  await using connection = await connect(server);
  const facts = await readFacts(connection);
  return { ...facts, atRest: await readAtRest(connection, facts, log) };
}

function notJoined(results: readonly StageResult[]): TidemarkError {
  return (
    failedStage(results)?.error ??
    new TidemarkError(
      'backup_tool_failed',
      'The programs of the backup could not be joined: out of descriptors.',
    )
  );
}

interface Ended {
  facts: AskedFacts;
  scratch: Scratch;
  toolLog: ToolLog;
  backup: BackupSettings;
  uncompressedBytes: number;
  dataBytes: number;
  base: PhysicalBackupOptions['base'];
}

async function describe(ended: Ended): Promise<PhysicalBackupFacts> {
  const { facts, toolLog } = ended;
  const { binlog, ...notes } = await readToolNotes(ended.scratch);
  if (facts.logBin && !binlog) {
    throw new TidemarkError(
      'backup_tool_failed',
      'The server keeps a binlog, and mariadb-backup noted no position in it: the backup could not be rolled forward.',
    );
  }
  requireFrom(ended.base, notes.fromLsn);
  const endedAt = Date.now();
  const pointInTime = Math.ceil((toolLog.unlockedAt ?? endedAt) / 1000) * 1000;
  return {
    ...notes,
    ...(binlog ? { binlog } : {}),
    memoryTables: facts.memoryTables,
    ...(facts.atRest && { atRest: facts.atRest }),
    uncompressedBytes: ended.uncompressedBytes,
    dataBytes: ended.dataBytes,
    pointInTime: new Date(pointInTime).toISOString(),
    endedAt: new Date(endedAt).toISOString(),
    warnings: warningsOf(ended, notes.lastLsn),
  };
}

/** @throws chain_broken */
function requireSameMajor(base: { serverVersion: string }, { version }: ServerFacts): void {
  if (majorVersion(base.serverVersion) === majorVersion(version)) return;
  throw new TidemarkError(
    'chain_broken',
    `The chain is of MariaDB ${base.serverVersion}, and the server is ${version} now. Take a full backup.`,
  );
}

/** The tool was asked for changes since one LSN: had it begun at another, the chain would have a hole. */
function requireFrom(base: PhysicalBackupOptions['base'], fromLsn: number): void {
  const expected = base?.toLsn ?? 0;
  if (fromLsn === expected) return;
  throw new TidemarkError(
    'backup_tool_failed',
    `mariadb-backup began at LSN ${fromLsn}, and was asked to begin at ${expected}: the backup is not usable.`,
  );
}

function warningsOf({ facts, backup }: Ended, lastLsn: number): string[] {
  const warnings = contentWarnings(facts);
  if (backup.checkpoint && !has(facts, 'SUPER')) {
    warnings.push(
      "The agent's account lacks SUPER: dirty pages were not flushed first, so the next incremental is large: it holds every page that was dirty now.",
    );
  }
  const written = lastLsn - facts.lsn;
  if (facts.redoBytes > 0 && written > facts.redoBytes / 2) {
    const percent = Math.round((written * 100) / facts.redoBytes);
    warnings.push(
      `During the backup the server wrote ${percent} % of its redo log; at 100 % a backup can fail at its very end. ` +
        'Make innodb_log_file_size larger.',
    );
  }
  return warnings;
}
