/** Checking a prepared copy on a private server, and making it ready to be served. */
import { chown, lstat, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Layout } from '../../domain/layout.ts';
import type { BinlogPosition } from '../../domain/manifest.ts';
import type { Attempt } from '../context.ts';
import { foreignEntries } from '../server/layout.ts';
import { rowsOf, type Connection } from '../server/sql.ts';
import { restoreAgentAccount } from './account.ts';
import { makeDirectory, writeDurably } from './files.ts';
import { isLaidOut, layOut, layingOutMark } from './lay-out.ts';
import { workingMemory } from './memory.ts';
import { withPrivateServer } from './private-server.ts';
import { usedBytes } from './room.ts';
import { stagingInPlace, workFolder, type Owner, type Staging } from './staging.ts';
import { openTables } from './tables.ts';

/** The buffer pool of a server that only opens tables. */
const mostMemoryBytes = 1024 ** 3;
const memoryShare = 0.25;

export interface CheckOptions {
  server: ServerSettings;
  layout: Layout;
  staging: Staging;
  /** The prepared copy: `staging.data`, or the data directory itself in place. It belongs to the server's user. */
  directory: string;
  attempt: Attempt;
  /** The position that the copy stands at; left out when the source kept no binlog. */
  binlog?: BinlogPosition | undefined;
}

/** What the copy was brought to, with the names of the API. */
export interface CheckResult {
  reached: Record<string, string | number>;
  /** What a person should know of the restored data, each a sentence. */
  warnings: string[];
}

/** What the mark says: whose files are being moved, and what their check had found. */
const mark = z.object({ restoreId: z.number(), warnings: z.array(z.string()) });
type Mark = z.infer<typeof mark>;

/**
 * Starts a private server on the copy, reads from every table, sets the GTID state and the agent's account, stops it
 * cleanly and lays the files out as the live server looks for them. May be called again after any interruption; once
 * the files are laid out it only repeats its answer, and knows of no warnings any more.
 * @throws private_server_failed, disk_full
 */
export async function checkCopy(options: CheckOptions): Promise<CheckResult> {
  const { directory, attempt, binlog } = options;
  const inPlace = directory !== options.staging.data;
  const staging = inPlace ? stagingInPlace(options.layout, options.staging.restoreId) : options.staging;
  let checked = await readMark(directory, staging.restoreId);
  if (!checked && !(await isLaidOut(directory))) {
    const { uid, gid } = await giveCopy(options);
    const memoryBytes = Math.min(
      mostMemoryBytes,
      await workingMemory(memoryShare, await usedBytes(directory)),
    );
    const privateServer = { ...options, owner: { uid, gid }, memoryBytes };
    const warnings = await withPrivateServer(privateServer, async (target) => {
      await requireSystemTables(target.connection);
      const { opened, warnings } = await openTables(target.connection, directory, attempt);
      attempt.log.info({ opened, warnings }, 'The tables of the restored copy were read.');
      await setGtid(target.connection, binlog);
      return [...warnings, ...(await restoreAgentAccount(options.server, target))];
    });
    checked = { restoreId: staging.restoreId, warnings };
    await writeMark(directory, checked);
  }
  await layOut({ ...options, staging, inPlace });
  return { reached: reachedAt(binlog), warnings: checked?.warnings ?? [] };
}

/** From here on files are moved to where the live server has them: no private server finds them again. */
async function writeMark(directory: string, content: Mark): Promise<void> {
  const file = path.join(directory, layingOutMark);
  await makeDirectory(path.dirname(file));
  await writeDurably(file, JSON.stringify(content));
}

/** The mark of this restore. Any other says nothing about these files, and is overwritten by the check. */
async function readMark(directory: string, restoreId: number): Promise<Mark | undefined> {
  let text: string;
  try {
    text = await readFile(path.join(directory, layingOutMark), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  const found = mark.safeParse(content).data;
  return found?.restoreId === restoreId ? found : undefined;
}

/** A position with the names of the API. */
export function reachedAt(binlog: BinlogPosition | undefined): Record<string, string | number> {
  if (!binlog) return {};
  return { gtid: binlog.gtid, binlog_file: binlog.file, binlog_position: binlog.position };
}

/** What lies in a data directory that is restored in place and did not come with the backup. */
async function strangersIn({ server, layout }: Pick<CheckOptions, 'server' | 'layout'>): Promise<string[]> {
  return [workFolder, 'lost+found', ...(await foreignEntries(server, layout))];
}

/** Makes the copy's files the server's own, as its directory is. @returns whose they are */
export async function giveCopy(options: Omit<CheckOptions, 'attempt' | 'binlog'>): Promise<Owner> {
  const { directory, staging } = options;
  const { uid, gid } = await stat(directory);
  await giveTree(directory, { uid, gid }, directory === staging.data ? [] : await strangersIn(options));
  return { uid, gid };
}

/** mbstream and mariadb-backup write as the agent; the server may be another user. */
export async function giveTree(
  directory: string,
  owner: Owner,
  except: readonly string[] = [],
): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (except.includes(entry.name)) continue;
    const file = path.join(directory, entry.name);
    const { uid, gid } = await lstat(file);
    if (!entry.isSymbolicLink() && (uid !== owner.uid || gid !== owner.gid)) {
      await chown(file, owner.uid, owner.gid);
    }
    if (entry.isDirectory()) await giveTree(file, owner);
  }
}

/** Without accounts or proper grant tables a server starts and lets nobody in. */
export async function requireSystemTables(connection: Connection): Promise<void> {
  const [row] = await rowsOf<{ accounts: number }>(
    connection,
    "SELECT COUNT(*) AS accounts FROM mysql.global_priv WHERE User NOT IN ('tidemark_private', 'mariadb.sys', 'PUBLIC')",
  );
  if (Number(row?.accounts ?? 0) === 0) {
    throw new TidemarkError(
      'private_server_failed',
      'The restored copy has no account that could sign on: mysql.global_priv is empty. Restore another backup.',
    );
  }
}

/** Otherwise the restored server would give the same GTIDs out again, to other transactions. */
async function setGtid(connection: Connection, binlog: BinlogPosition | undefined): Promise<void> {
  if (!binlog) return;
  await rowsOf(connection, 'SET GLOBAL gtid_slave_pos = ?', [binlog.gtid]);
}
