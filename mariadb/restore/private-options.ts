/**
 * The command line of a private server. It reads the user's own option file, because engines, character sets and
 * encryption keys come from there, and overrides all that names a file or a place in it: with an absolute
 * `innodb_data_home_dir` it would otherwise open the live server's files, and without an error while that is stopped.
 */
import { workFolder } from './staging.ts';

/** The folder, relative to the copy, that holds what the private server needs and nobody keeps. */
export const privateFolder = `${workFolder}/private`;

export interface PrivateOptions {
  defaultsFile: string;
  directory: string;
  /** The layout's `innodb_data_file_path` entries: names, without directories. */
  innodbDataFiles: readonly string[];
  /** What the data was made with: it is not always a server of the same settings that looks at it. */
  innodbPageSize: number;
  lowerCaseTableNames: number;
  memoryBytes: number;
  /** The user to run as; left out when the agent itself is not root. */
  user?: string | undefined;
}

/**
 * Paths that begin with {@link privateFolder} are relative: the server has the copy as its working directory, and a
 * socket's path must be short. `loose-` goes before what a version or a build may not know.
 */
export function privateArguments(options: PrivateOptions): string[] {
  const { directory } = options;
  return [
    `--defaults-file=${options.defaultsFile}`,
    ...(options.user === undefined ? [] : [`--user=${options.user}`]),
    `--datadir=${directory}`,
    // InnoDB's and Aria's own places.
    `--innodb-data-home-dir=${directory}`,
    `--innodb-data-file-path=${options.innodbDataFiles.join(';')}`,
    `--innodb-page-size=${options.innodbPageSize}`,
    `--lower-case-table-names=${options.lowerCaseTableNames}`,
    `--innodb-log-group-home-dir=${directory}`,
    `--innodb-undo-directory=${directory}`,
    '--innodb-temp-data-file-path=ibtmp1:12M:autoextend',
    '--innodb-buffer-pool-filename=ib_buffer_pool',
    `--innodb-tmpdir=${directory}/${privateFolder}`,
    `--aria-log-dir-path=${directory}`,
    '--loose-rocksdb-datadir=./#rocksdb',
    '--loose-rocksdb-wal-dir=',
    // A table's DATA DIRECTORY is left out: no file is made outside of the copy.
    '--skip-symbolic-links',
    // What it writes beside the data, and where it listens.
    `--socket=${privateFolder}/s`,
    `--pid-file=${directory}/${privateFolder}/pid`,
    `--log-error=${directory}/${privateFolder}/log.err`,
    `--tmpdir=${directory}/${privateFolder}`,
    `--slave-load-tmpdir=${directory}/${privateFolder}`,
    `--secure-file-priv=${directory}/${privateFolder}`,
    `--ignore-db-dirs=${workFolder}`,
    '--general-log=OFF',
    `--general-log-file=${directory}/${privateFolder}/general`,
    '--slow-query-log=OFF',
    `--slow-query-log-file=${directory}/${privateFolder}/slow`,
    '--loose-server-audit-logging=OFF',
    '--loose-sql-error-log-rate=0',
    '--skip-networking',
    '--skip-ssl',
    // No binlog, no replication, no cluster, no events: nothing may change but what is asked for.
    '--skip-log-bin',
    '--skip-slave-start',
    `--relay-log=${directory}/${privateFolder}/relay`,
    `--relay-log-index=${directory}/${privateFolder}/relay.index`,
    '--relay-log-recovery=OFF',
    '--master-info-file=master.info',
    '--relay-log-info-file=relay-log.info',
    '--log-tc=tc.log',
    '--tc-heuristic-recover=OFF',
    '--loose-log-ddl-recovery=ddl_recovery.log',
    '--loose-wsrep-on=OFF',
    '--loose-wsrep-provider=none',
    `--loose-wsrep-data-home-dir=${directory}/${privateFolder}`,
    '--event-scheduler=OFF',
    '--read-only=OFF',
    '--skip-grant-tables=OFF',
    '--loose-strict-password-validation=OFF',
    `--init-file=${directory}/${privateFolder}/init.sql`,
    // A broken live server may have been given these; the copy is whole.
    '--innodb-force-recovery=0',
    '--innodb-read-only=OFF',
    '--innodb-fast-shutdown=1',
    // Beside a live server it takes what it was given and no more.
    '--performance-schema=OFF',
    '--innodb-buffer-pool-load-at-startup=OFF',
    '--innodb-buffer-pool-dump-at-shutdown=OFF',
    '--innodb-buffer-pool-chunk-size=0',
    `--innodb-buffer-pool-size=${options.memoryBytes}`,
    '--key-buffer-size=16M',
    '--aria-pagecache-buffer-size=32M',
    '--query-cache-size=0',
    '--max-connections=10',
    '--large-pages=OFF',
    '--memlock=OFF',
  ];
}
