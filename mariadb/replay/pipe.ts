/**
 * Replaying by `mariadb-binlog | mariadb`, as one does by hand: for what the server's own threads cannot read. Slower by
 * far, one statement after the other.
 */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../context.ts';
import { startPipeline, type StageResult } from '../processes/pipeline.ts';
import { findProgram } from '../programs.ts';
import type { PrivateServer } from '../restore/private-server.ts';
import { type Connection, rowsOf } from '../server/sql.ts';

export interface PipeOptions {
  server: ServerSettings;
  attempt: Attempt;
  target: PrivateServer;
  /** In their order. */
  files: readonly string[];
  /** In the first file, and in the last. */
  from: number;
  to: number;
  /** How many transactions that begin by a statement lie between them. */
  begun: number;
}

/**
 * The client leaves no trace of GTIDs on a server without a binlog. That all came there is seen by the transactions that
 * were begun.
 *
 * @throws replay_failed, tool_missing; the signal's reason when it was aborted
 */
export async function replayByPipe(options: PipeOptions): Promise<void> {
  const { connection } = options.target;
  const before = await begunOn(connection);
  await pipe(options);
  const begun = (await begunOn(connection)) - before;
  if (begun === options.begun) return;
  throw failed(`${begun} transactions were begun, and the binlogs have ${options.begun} there`);
}

async function begunOn(connection: Connection): Promise<number> {
  const rows = await rowsOf<{ Value: string | number }>(
    connection,
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_begin', 'Com_xa_start')",
  );
  return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
}

async function pipe({ server, attempt, target, files, from, to }: PipeOptions): Promise<void> {
  const reader = await findProgram(server, 'mariadb-binlog');
  const client = await findProgram(server, 'mariadb');
  const optionFile = path.join(attempt.folder, 'replay.cnf');
  const { user, password } = target.account;
  await writeFile(optionFile, `[client]\nuser=${user}\npassword=${password}\nsocket=${target.socket}\n`, {
    mode: 0o600,
  });
  try {
    const pipeline = await startPipeline(
      [
        {
          program: reader,
          args: [
            '--no-defaults',
            '--verify-binlog-checksum',
            `--start-position=${from}`,
            `--stop-position=${to}`,
            ...files,
          ],
        },
        {
          program: client,
          args: [`--defaults-file=${optionFile}`, '--binary-mode', '--max-allowed-packet=1G', '--batch'],
        },
      ],
      { folder: attempt.folder, signal: attempt.signal },
    );
    try {
      // The client has nothing to say.
      for await (const said of pipeline.output ?? []) if (said.length > 0) attempt.signal.throwIfAborted();
      refuseFailure(await pipeline.finished, attempt.signal);
    } finally {
      await pipeline.end();
    }
  } finally {
    await rm(optionFile, { force: true });
  }
}

/** The client prints the statement that failed, with all its data: only the number of the error is told. */
function refuseFailure([read, applied]: StageResult[], signal: AbortSignal): void {
  signal.throwIfAborted();
  const missing = read?.error ?? applied?.error;
  if (missing) throw missing;
  const number = /ERROR (\d+) \(\w+\)/.exec(applied?.stderr ?? '')?.[1];
  if (number !== undefined || applied?.code !== 0) {
    throw failed(
      `mariadb ended with ${applied?.code ?? applied?.signal}, error ${number ?? 'unknown'} of the server`,
    );
  }
  // It ends with 0 after a warning that the end was not there.
  if (read?.code !== 0 || /^WARNING/im.test(read.stderr)) {
    throw failed(
      `mariadb-binlog ended with ${read?.code ?? read?.signal}: ${(read?.stderr ?? '').trim().slice(-300)}`,
    );
  }
}

function failed(what: string): TidemarkError {
  return new TidemarkError('replay_failed', `Replaying the binlogs by mariadb-binlog failed: ${what}.`);
}
