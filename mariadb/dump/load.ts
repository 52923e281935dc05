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
  /** The stream is statements already. */
  plain?: boolean | undefined;
  attempt: Attempt;
  /** Which statements may fail for what is in no dump; left out: none. Any other that fails, fails the load. */
  passOver?: PassedOver;
}

/**
 * `grants`: those on what was dropped, which MariaDB keeps, of a whole server. `views`: in a trial of some databases, whose
 * views may need others.
 */
export type PassedOver = 'grants' | 'views';

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
  const { server, account, identity, plain = false, attempt, passOver } = options;
  const folder = path.join(attempt.folder, 'load');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const optionFile = path.join(folder, 'account.cnf');
  await writeFile(optionFile, accountGroup(account), { mode: 0o600 });
  const stages = [
    ...(plain ? [] : await unpackingStages(server, identity)),
    await clientStage(server, optionFile, passOver),
  ];
  const failures = new Failures(passOver);
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
    const wentOn = failures.passed.length > 0 && failed?.program === stages.at(-1)?.program;
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

/** The option file of a program that signs on. @param database the one that the session begins in */
export function accountGroup(
  { user, password, socket, host = '', port = 3306 }: LoadAccount,
  database?: string,
): string {
  const place: Record<string, string | number> = socket === '' ? { host, port } : { socket };
  return optionGroup('client', { user, password, ...place, ...(database !== undefined && { database }) });
}

/** The program that loads. @throws tool_missing */
export async function clientStage(
  server: ServerSettings,
  optionFile: string,
  passOver?: PassedOver,
): Promise<Stage> {
  return {
    program: await findProgram(server, 'mariadb'),
    args: [
      `--defaults-file=${optionFile}`,
      '--batch',
      // No byte of a text is changed, and no command of the client is taken from it.
      '--binary-mode',
      '--skip-reconnect',
      // A dump of somebody else must not have a file of this host sent to the server.
      '--local-infile=0',
      '--default-character-set=utf8mb4',
      `--max-allowed-packet=${largestPacket}`,
      `--init-command=${sessionSettings}`,
      // It goes on behind a statement that fails; which of them may, is for us to say.
      ...(passOver ? ['--force'] : []),
    ],
  };
}

/** How a statement begins that may be passed over, and for which errors: what it names is not there. */
const harmless: Record<PassedOver, { begins: RegExp; errors: ReadonlySet<number> }> = {
  grants: { begins: /^(\/\*M?!\d+ )?GRANT /, errors: new Set([1054, 1146, 1305]) },
  views: {
    begins: /^(\/\*M?!\d+ )?CREATE (ALGORITHM=|VIEW )/,
    errors: new Set([1049, 1146, 1305, 1356, 1630]),
  },
};

/** What the client puts around a statement that failed, before it says why. */
const rule = '--------------';

/** The client's words on statements that failed: each statement between two rules, then its error. */
export class Failures {
  /** The first that may not be passed over; empty: none. */
  fatal = '';
  readonly passed: string[] = [];
  readonly #passOver: PassedOver | undefined;
  /** The first line of the statement that is being said; undefined between two. */
  #statement: string | undefined;
  #opened = false;

  constructor(passOver: PassedOver | undefined) {
    this.#passOver = passOver;
  }

  /** @returns whether it is a line that ends the load */
  add(line: string): boolean {
    if (/^ERROR\b/.test(line)) {
      if (this.#isHarmless(line)) this.passed.push(line);
      else this.fatal ||= line;
      this.#statement = undefined;
      this.#opened = false;
    } else if (this.#opened) this.#statement ??= line;
    else this.#opened = line === rule;
    return this.fatal !== '';
  }

  #isHarmless(line: string): boolean {
    const [, number] = /^ERROR (\d+) \(/.exec(line) ?? [];
    if (!this.#passOver || number === undefined || this.#statement === undefined) return false;
    const { begins, errors } = harmless[this.#passOver];
    return begins.test(this.#statement) && errors.has(Number(number));
  }

  warnings(): string[] {
    const [first] = this.passed;
    if (first === undefined) return [];
    const { message } = explainStatement(first);
    const what = this.#passOver === 'grants' ? 'grants on what was dropped' : 'views of other databases';
    return [
      `${this.passed.length} statements of the dump need what is not in it, and were passed over: ${what}. The first: ${message}`,
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
export function explainLoad(failed: StageResult): TidemarkError {
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
  if (number === '') {
    return new TidemarkError('load_failed', 'mariadb, which loads the dump, could not read it to its end.');
  }
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
