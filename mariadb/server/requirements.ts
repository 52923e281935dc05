/** What has to be there for a backup, and what is worth telling when a server is registered. */
import type { ServerSettings } from '../../config/agent.ts';
import { isErrorName, TidemarkError } from '../../domain/errors.ts';
import { majorVersion } from '../../domain/versions.ts';
import { programVersion } from '../programs.ts';
import { has, readFacts, type ServerFacts } from './facts.ts';
import { connect } from './sql.ts';

/** Without these mariadb-backup fails; without the last one only after everything was copied. */
const backupPrivileges = ['RELOAD', 'PROCESS', 'BINLOG MONITOR'];
/** Without some of these mariadb-dump fails in its middle; without others it leaves things out and says nothing. */
const dumpPrivileges = ['SELECT', 'SHOW VIEW', 'TRIGGER', 'EVENT', 'LOCK TABLES', 'RELOAD', 'PROCESS'];

/**
 * What a person should know of this server before its first backup, each a sentence; empty when all is well. Works
 * with the server down, and never throws for what it finds.
 */
export async function checkServer(server: ServerSettings): Promise<string[]> {
  const warnings = await toolWarnings(server);
  let facts: ServerFacts;
  try {
    await using connection = await connect(server);
    facts = await readFacts(connection);
  } catch (error) {
    if (!(error instanceof TidemarkError) || !isErrorName(error.code)) throw error;
    return [...warnings, error.message];
  }
  return [...warnings, ...privilegeWarnings(facts), ...contentWarnings(facts)];
}

/**
 * Refuses a backup that would fail anyway, before anything is read.
 * @throws tool_version_mismatch, privilege_missing
 */
export function requireForBackup(facts: ServerFacts, toolVersion: string): void {
  if (majorVersion(facts.version) !== majorVersion(toolVersion)) {
    throw new TidemarkError(
      'tool_version_mismatch',
      `The server is MariaDB ${facts.version}, and mariadb-backup is of ${toolVersion}. ` +
        `Install mariadb-backup ${majorVersion(facts.version)}.`,
    );
  }
  const missing = backupPrivileges.filter((privilege) => !has(facts, privilege));
  if (missing.length > 0) {
    throw new TidemarkError(
      'privilege_missing',
      `The agent's account lacks ${missing.join(', ')}, which a backup needs: ` +
        `GRANT ${missing.join(', ')} ON *.* TO it.`,
    );
  }
}

/** @throws privilege_missing, naming all that a dump lacks */
export function requireForDump(facts: Pick<ServerFacts, 'privileges' | 'logBin'>): void {
  const needed = facts.logBin ? [...dumpPrivileges, 'BINLOG MONITOR'] : dumpPrivileges;
  const missing = needed.filter((privilege) => !has(facts, privilege));
  if (missing.length === 0) return;
  throw new TidemarkError(
    'privilege_missing',
    `The agent's account lacks ${missing.join(', ')}, which a dump needs: GRANT ${missing.join(', ')} ON *.* TO it.`,
  );
}

/** What a backup of this server does not hold or cannot say. */
export function contentWarnings(facts: ServerFacts): string[] {
  const found: string[] = [];
  if (!facts.logBin) {
    found.push(
      'The server keeps no binlog (log_bin is off): it can be restored to its backups, and to no time between them.',
    );
  }
  for (const table of facts.memoryTables) {
    found.push(`The MEMORY table ${table} comes back empty: its rows are in no backup.`);
  }
  if (!has(facts, 'SELECT')) {
    found.push(
      "The agent's account lacks SELECT ON *.*: MEMORY tables, whose rows are in no backup, cannot be named.",
    );
  }
  return found;
}

async function toolWarnings(server: ServerSettings): Promise<string[]> {
  const version = await programVersion(server, 'mariadbd');
  const found: string[] = [];
  for (const name of ['mariadb-backup', 'mbstream', 'zstd'] as const) {
    const tool = await programVersion(server, name);
    if (tool === '') {
      found.push(`The program ${name} is not installed: no backup and no restore is possible without it.`);
    } else if (name === 'mariadb-backup' && version !== '' && majorVersion(tool) !== majorVersion(version)) {
      found.push(
        `mariadb-backup is of MariaDB ${tool}, the server is ${version}: install the tool of the server's version.`,
      );
    }
  }
  return found;
}

function privilegeWarnings(facts: ServerFacts): string[] {
  const missing = backupPrivileges.filter((privilege) => !has(facts, privilege));
  const found = missing.map(
    (privilege) => `The agent's account lacks ${privilege} ON *.*: backups are refused until it is granted.`,
  );
  if (!has(facts, 'SUPER')) {
    found.push(
      "The agent's account lacks SUPER: the server cannot be told to flush before a backup, which makes " +
        'incrementals larger, nor before a restore, which makes its stop slower.',
    );
  }
  return found;
}
