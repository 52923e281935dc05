/**
 * The options of a private server that replays. They come after those of every private server, and override what the
 * user's own file says of replication: the same events have to do there what they did at the source.
 */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { replayRedoBytes } from '../../domain/restore-plan.ts';

/** Engines whose tables write to other servers, or to files elsewhere. */
export const outsideEngines = ['FEDERATED', 'SPIDER', 'CONNECT', 'S3'];
const threadsPerCore = 4;
const mostThreads = 32;

export interface ReplayOptions {
  /** Where the relay log is; the server's user may write there. */
  folder: string;
  /** None of those that have written to the binlogs: the server skips its own events. */
  serverId: number;
  /** Of all binlogs together. */
  bytes: number;
  /** 0: one thread does all. Default: by the processors of the host. */
  threads?: number;
}

export function replayArguments({ folder, serverId, bytes, threads }: ReplayOptions): string[] {
  return [
    `--server-id=${serverId}`,
    `--relay-log=${path.join(folder, 'relay')}`,
    `--relay-log-index=${relayIndex(folder)}`,
    `--relay-log-info-file=${path.join(folder, 'relay-log.info')}`,
    `--master-info-file=${path.join(folder, 'master.info')}`,
    '--relay-log-purge=OFF',
    '--relay-log-recovery=OFF',
    '--relay-log-space-limit=0',
    '--sync-relay-log=0',
    '--sync-relay-log-info=0',
    '--sync-master-info=0',
    // Every event, as it is, and none twice.
    '--slave-skip-errors=OFF',
    '--slave-exec-mode=STRICT',
    '--slave-run-triggers-for-rbr=NO',
    '--slave-type-conversions=',
    '--slave-sql-verify-checksum=ON',
    '--slave-max-allowed-packet=1G',
    '--max-allowed-packet=1G',
    '--loose-slave-max-statement-time=0',
    '--max-statement-time=0',
    '--init-slave=',
    '--gtid-strict-mode=OFF',
    '--gtid-ignore-duplicates=OFF',
    '--log-slave-updates=OFF',
    '--loose-rpl-semi-sync-slave-enabled=OFF',
    // What was written to other servers and to outside files is there: nothing may write it a second time.
    // By their long names: `--connect` alone would be taken for `--connect-timeout`.
    ...outsideEngines.map((engine) => `--loose-plugin-${engine.toLowerCase()}=OFF`),
    // What a statement may do here it may have done there.
    '--transaction-read-only=OFF',
    '--transaction-isolation=REPEATABLE-READ',
    '--innodb-strict-mode=OFF',
    '--loose-innodb-force-primary-key=OFF',
    '--sql-safe-updates=OFF',
    // Threads that run ahead and are taken back where they meet.
    `--slave-parallel-threads=${threads ?? replayThreads()}`,
    '--slave-parallel-mode=optimistic',
    '--slave-domain-parallel-threads=0',
    `--slave-parallel-max-queued=${4 * 1024 ** 2}`,
    '--slave-transaction-retries=1000',
    '--innodb-lock-wait-timeout=50',
    // Nothing has to survive here: an interrupted replay begins with a new copy, and a finished one is synced.
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-doublewrite=OFF',
    '--innodb-flush-method=nosync',
    `--innodb-log-file-size=${replayRedoBytes(bytes)}`,
    '--innodb-adaptive-hash-index=OFF',
  ];
}

export function relayIndex(folder: string): string {
  return path.join(folder, 'relay.index');
}

function replayThreads(): number {
  return Math.min(mostThreads, threadsPerCore * availableParallelism());
}

/** A server id that is not in use. @param taken all that have written to the binlogs */
export function unlike(taken: ReadonlySet<number>): number {
  let id = 1;
  while (taken.has(id)) id += 1;
  return id;
}
