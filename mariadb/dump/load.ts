/** Loading a dump into a server, as it is fetched: `[age -d |] zstd -d | mariadb`. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../context.ts';
import { failedStage, startPipeline, type Stage, type StageResult } from '../processes/pipeline.ts';
import { findProgram } from '../programs.ts';
import { type Extraction, explainUnpacking, unpackingStages } from '../restore/extract.ts';
import { optionGroup } from '../server/option-files.ts';

/** Who loads, and where. */
export interface LoadAccount {
  user: string;
  password: string;
  /** Empty: over the network, at `host` and `port`. */
  socket: string;
  host?: string;
  port?: number;
}

export interface LoadOptions {
  server: ServerSettings;
  account: LoadAccount;
  /** The age identity that opens the stream, a secret; undefined for one that is not encrypted. */
  identity: string | undefined;
  attempt: Attempt;
  /** A fresh server, which has nothing else: what a statement refers to may be in no dump. */
  fresh?: boolean;
}

export interface Load extends Extraction {
  /** What a person should know of what was loaded, each a sentence. */
  warnings(): string[];
}

/**
 * For the session that loads: what was kept when the dump was taken must not be refused now, and a store that is slow
 * must not cost the connection.
 */
const sessionSettings =
  'SET SESSION innodb_strict_mode=OFF, check_constraint_checks=OFF, max_statement_time=0, wait_timeout=31536000';

/** As large as a statement can be: a row in hexadecimal digits is twice as long as its bytes. */
export const largestPacket = 1024 ** 3;

/**
 * Starts the programs. The stream goes into `input`, and is ended by the caller; then `whole` says how it went.
 *
 * @throws tool_missing; from `whole` load_failed, database_unreachable, database_access_denied, disk_full,
 *   extract_failed, identity_unavailable
 */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const { server, account, identity, attempt, fresh = false } = options;
  const folder = path.join(attempt.folder, 'load');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const optionFile = path.join(folder, 'account.cnf');
  await writeFile(optionFile, accountGroup(account), { mode: 0o600 });
  const stages = [...(await unpackingStages(server, identity)), await clientStage(server, optionFile, fresh)];
  const failures = new Failures();
  const pipeline = await startPipeline(stages, {
    folder: attempt.folder,
    signal: attempt.signal,
    input: 'pipe',
    onStderrLine: (line, stage) => {
      if (stage === stages.length - 1 && failures.add(line)) void pipeline.end();
    },
  });
  const whole = async (): Promise<void> => {
    const results = await pipeline.finished;
    attempt.signal.throwIfAborted();
    const failed = failedStage(results);
    if (failures.fatal !== '') throw explainStatement(failures.fatal);
    // With `--force` it ends as failed when it was to go on behind a statement.
    const wentOn = fresh && failures.elsewhere.length > 0 && failed?.program === stages.at(-1)?.program;
    if (failed && !(wentOn && failed?.code === 1)) throw explainLoad(failed);
  };
  const end = async (): Promise<void> => {
    await pipeline.end();
    await rm(folder, { recursive: true, force: true });
  };
  if (!pipeline.input) {
    await end();
    await whole();
    throw new TidemarkError('load_failed', 'The first program of the pipe has no input.');
  }
  return { input: pipeline.input, whole, end, warnings: () => failures.warnings() };
}

function accountGroup({ user, password, socket, host = '', port = 3306 }: LoadAccount): string {
  const place: Record<string, string | number> = socket === '' ? { host, port } : { socket };
  return optionGroup('client', { user, password, ...place });
}

async function clientStage(server: ServerSettings, optionFile: string, fresh: boolean): Promise<Stage> {
  return {
    program: await findProgram(server, 'mariadb'),
    args: [
      `--defaults-file=${optionFile}`,
      '--batch',
      // No byte of a text is changed, and no command of the client is taken from it.
      '--binary-mode',
      '--skip-reconnect',
      '--default-character-set=utf8mb4',
      `--max-allowed-packet=${largestPacket}`,
      `--init-command=${sessionSettings}`,
      // It goes on behind a statement that fails; which of them may, is for us to say.
      ...(fresh ? ['--force'] : []),
    ],
  };
}

/**
 * Errors of views whose tables, functions or databases are not in the dump, and of grants on what was dropped, which
 * MariaDB keeps.
 */
const elsewhere: ReadonlySet<number> = new Set([1049, 1146, 1305, 1356, 1630]);

/** The client's words on statements that failed. */
class Failures {
  /** The first that no server can go on behind; empty: none. */
  fatal = '';
  elsewhere: string[] = [];

  /** @returns whether it is a line that ends the load */
  add(line: string): boolean {
    const [, number] = /^ERROR (\d+) \(/.exec(line) ?? [];
    if (number === undefined) return false;
    if (elsewhere.has(Number(number))) this.elsewhere.push(line);
    else this.fatal ||= line;
    return this.fatal !== '';
  }

  warnings(): string[] {
    const [first] = this.elsewhere;
    if (first === undefined) return [];
    const { message } = explainStatement(first);
    return [
      `${this.elsewhere.length} statements of the dump need what is not in it, and were passed over: grants on what was dropped, or views of other databases. The first: ${message}`,
    ];
  }
}

/** Errors of the server whose words name objects and no content. */
const withoutData = new Set([
  1005, 1007, 1008, 1016, 1030, 1044, 1046, 1049, 1050, 1051, 1054, 1071, 1114, 1118, 1126, 1127, 1128, 1142,
  1146, 1153, 1180, 1205, 1206, 1213, 1214, 1227, 1231, 1273, 1283, 1286, 1290, 1293, 1305, 1340, 1341, 1347,
  1356, 1359, 1360, 1364, 1396, 1418, 1419, 1449, 1469, 1478, 1524, 1709, 1932, 4161, 4162,
]);

/**
 * The client says the whole statement when one fails, data included: of what it says only the last line counts, and of
 * its words what is quoted is left out where it may be data.
 */
function explainLoad(failed: StageResult): TidemarkError {
  if (failed.error) return failed.error;
  if (path.basename(failed.program) !== 'mariadb') return explainUnpacking(failed);
  const lines = failed.stderr.trim().split('\n');
  const said = lines.findLast((line) => /^ERROR \d+/.test(line));
  if (said !== undefined) return explainStatement(said);
  const how = failed.signal === null ? `code ${failed.code ?? 'unknown'}` : `signal ${failed.signal}`;
  return new TidemarkError('load_failed', `mariadb, which loads the dump, ended with ${how}.`);
}

/** @param said `ERROR 1062 (23000) at line 12: Duplicate entry 'x' for key 'PRIMARY'` */
function explainStatement(said: string): TidemarkError {
  const [, number = '', state = '', line, words = ''] =
    /^ERROR (\d+) \((\w+)\)(?: at line (\d+))?(?: in file: '[^']*')?: (.*)$/.exec(said) ?? [];
  const what = `ERROR ${number} (${state})${line === undefined ? '' : ` at line ${line} of the dump`}`;
  switch (Number(number)) {
    case 1045:
    case 1698:
      return new TidemarkError(
        'database_access_denied',
        `The server refuses the account that loads the dump: ${what}.`,
      );
    case 1053:
    case 2002:
    case 2003:
    case 2006:
    case 2013:
      return new TidemarkError(
        'database_unreachable',
        `The server went away while the dump was loaded: ${what}.`,
      );
    case 1021:
    case 1114:
      return new TidemarkError('disk_full', `There is no room left for the tables of the dump: ${what}.`);
  }
  const shown = withoutData.has(Number(number)) ? words : words.replace(/'.*'/, "'…'");
  return new TidemarkError('load_failed', `A statement of the dump failed: ${what}: ${shown.slice(0, 300)}`);
}
