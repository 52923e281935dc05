/** The files in which mariadb-backup keeps what it knows of a copy. From 11.1 on they have other names. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const prefixes = ['xtrabackup', 'mariadb_backup'] as const;

const preparedTypes = ['log-applied', 'full-prepared'];

/** What `xtrabackup_checkpoints` says. LSNs as numbers. */
export interface Checkpoints {
  /** `full-backuped` before the redo log was applied, `log-applied` or `full-prepared` after. */
  type: string;
  prepared: boolean;
  toLsn: number;
}

/** The checkpoints of a copy; undefined when the file is missing or does not parse. */
export async function readCheckpoints(directory: string): Promise<Checkpoints | undefined> {
  return parseCheckpoints(await readToolFile(directory, 'checkpoints'));
}

/** What the file says; undefined when it does not parse. */
export function parseCheckpoints(text: string): Checkpoints | undefined {
  const type = /^backup_type = (.+)$/m.exec(text)?.[1];
  const toLsn = /^to_lsn = (\d+)$/m.exec(text)?.[1];
  return type === undefined || toLsn === undefined
    ? undefined
    : { type, prepared: preparedTypes.includes(type), toLsn: Number(toLsn) };
}

/** The content of `xtrabackup_<name>` or `mariadb_backup_<name>`; empty when it is missing. */
export async function readToolFile(directory: string, name: string): Promise<string> {
  for (const prefix of prefixes) {
    try {
      return await readFile(path.join(directory, `${prefix}_${name}`), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return '';
}

/** Whether a name at the top of a copy is the tool's, of no use to a server. */
export function isToolFile(name: string): boolean {
  return (
    prefixes.some((prefix) => name.startsWith(`${prefix}_`)) ||
    ['backup-my.cnf', 'aria_log_dummy', 'donor_galera_info', 'tc.log'].includes(name)
  );
}

/** In place of checkpoints, in a copy that a dump was loaded into: it was loaded whole. */
export const loadedMark = 'tidemark_loaded';

/** Whether it is the file that is removed last: as long as it is there, a copy is not ready to be served. */
export function isCheckpointsFile(name: string): boolean {
  return name === loadedMark || prefixes.some((prefix) => name === `${prefix}_checkpoints`);
}
