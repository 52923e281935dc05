/**
 * The age identities of a host: from a file that its owner alone may read, or printed by a command. They are in this
 * process's memory while a restore begins, and in what `age` reads; an error names places and public keys, no more.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { RestoreSettings } from '../../config/agent.ts';
import { maskText } from '../../config/mask.ts';
import { type AgeIdentity, parseIdentities } from '../../domain/age-identity.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { type HostIdentities, refuseWithoutIdentity } from '../../domain/restore-plan.ts';
import type { Attempt } from '../context.ts';
import { runProgram } from '../processes/run.ts';

type IdentitySettings = Pick<RestoreSettings, 'age_identity_file' | 'age_identity_command'>;
/** Where the command is recorded while it runs, what ends it, and where its own words go. */
type Asking = Pick<Attempt, 'folder' | 'signal' | 'log'>;

interface Found {
  identities: AgeIdentity[];
  /** What gave none; one that can pass is retryable. */
  faults: TidemarkError[];
}

/** A file of identities is some lines; anything larger is something else. */
const longestBytes = 64 * 1024;
const commandMs = 60_000;

/** What the host can open, without telling with what. @throws the signal's reason when it was aborted */
export async function inspectIdentities(settings: IdentitySettings, asking: Asking): Promise<HostIdentities> {
  const { identities, faults } = await readIdentities(settings, asking);
  return { recipients: [...new Set(identities.map(({ recipient }) => recipient))], fault: told(faults) };
}

/**
 * The identity that opens a backup for these recipients, a secret.
 *
 * @throws identity_unavailable, naming the recipients one of which is needed; identity_command_failed when it may yet
 *   come; the signal's reason when it was aborted
 */
export async function identityFor(
  settings: IdentitySettings,
  recipients: string[],
  asking: Asking,
): Promise<string> {
  const { identities, faults } = await readIdentities(settings, asking);
  const fitting = identities.find(({ recipient }) => recipients.includes(recipient));
  if (fitting) return fitting.identity;
  // The plan found one: what printed it may only be away for a moment, and in place there is no way back any more.
  const passing = faults.find(({ retryable }) => retryable);
  if (passing) throw new TidemarkError(passing.code, told(faults), { cause: passing });
  const held = identities.map(({ recipient }) => recipient);
  refuseWithoutIdentity(recipients, { recipients: held, fault: told(faults) });
  throw new Error('an identity was there and was not');
}

/**
 * The identities that open what was encrypted at several times, for other recipients each, as age reads them: one a line.
 *
 * @throws as {@link identityFor}
 */
export async function identitiesFor(
  settings: IdentitySettings,
  recipients: readonly string[][],
  asking: Asking,
): Promise<string> {
  const found = new Set<string>();
  for (const some of recipients) found.add(await identityFor(settings, some, asking));
  return [...found].join('\n');
}

/** What is wrong with the file of identities, each a sentence: told before somebody needs it. */
export async function identityWarnings({ age_identity_file: file }: IdentitySettings): Promise<string[]> {
  if (file === undefined) return [];
  const { faults } = await readAll([() => fromFile(file)]);
  return faults.map(({ message }) => message);
}

async function readIdentities(settings: IdentitySettings, asking: Asking): Promise<Found> {
  const { age_identity_file: file, age_identity_command: command } = settings;
  const found = await readAll([
    ...(file === undefined ? [] : [() => fromFile(file)]),
    ...(command ? [() => fromCommand(command, asking)] : []),
  ]);
  if (file === undefined && !command) found.faults.push(unusable('Its settings name no identity.'));
  return found;
}

async function readAll(sources: (() => Promise<AgeIdentity[] | TidemarkError>)[]): Promise<Found> {
  const identities: AgeIdentity[] = [];
  const faults: TidemarkError[] = [];
  for (const read of sources) {
    const result = await read();
    if (result instanceof TidemarkError) faults.push(result);
    else identities.push(...result);
  }
  return { identities, faults };
}

function told(faults: readonly TidemarkError[]): string {
  return faults.map(({ message }) => message).join(' ');
}

/** @returns what is wrong, where it is not thrown: only a defect is */
async function fromFile(file: string): Promise<AgeIdentity[] | TidemarkError> {
  const what = `The age identity file ${file}`;
  let text: string;
  try {
    // Not to wait for somebody who writes, should it be a pipe.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const { mode, size } = await handle.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return unusable(`${what} is not a plain file.`);
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      return unusable(
        `${what} can be read or changed by others than its owner (mode ${shown}): chmod 600 ${file}`,
      );
    }
    if (size > longestBytes) return unusable(`${what} is too large to be one.`);
    text = await handle.readFile('utf8');
  } catch (error) {
    return unusable(`${what} cannot be read: ${messageOf(error)}.`);
  }
  return parsed(text, what);
}

/** @returns what is wrong. @throws the signal's reason when it was aborted */
async function fromCommand(
  [program = '', ...args]: string[],
  { folder, signal, log }: Asking,
): Promise<AgeIdentity[] | TidemarkError> {
  const what = `What restore.age_identity_command (${program}) printed`;
  // Of an answer that is too long no more is kept than tells so.
  const limits = { folder, signal, keepBytes: longestBytes + 1, timeoutMs: commandMs };
  let result: Awaited<ReturnType<typeof runProgram>>;
  try {
    result = await runProgram(program, args, limits);
  } catch (error) {
    signal.throwIfAborted();
    return notRun(program, error);
  }
  const { code, signal: ended, stdout, stderr } = result;
  if (code !== 0) {
    const end = ended ?? `code ${code}`;
    // Its own words may hold what nobody can tell from a secret: they stay on this host.
    log.warn({ program, end, stderr: maskText(stderr).slice(-1000) }, 'The command for the identity failed.');
    return commandFailed(`(${program}) ended with ${end}; what it said is in the agent's log.`);
  }
  if (Buffer.byteLength(stdout) > longestBytes) return unusable(`${what} is too long to be identities.`);
  return parsed(stdout, what);
}

function notRun(program: string, error: unknown): TidemarkError {
  if (error instanceof TidemarkError && !error.retryable) {
    return unusable(`restore.age_identity_command failed: ${error.message}`);
  }
  const isLate = error instanceof Error && error.name === 'TimeoutError';
  const why = isLate ? `did not end within ${commandMs / 1000} s` : `failed: ${messageOf(error)}`;
  return commandFailed(`(${program}) ${why}.`);
}

function parsed(text: string, what: string): AgeIdentity[] | TidemarkError {
  const result = parseIdentities(text);
  return 'fault' in result ? unusable(`${what} ${result.fault}.`) : result.identities;
}

function unusable(message: string): TidemarkError {
  return new TidemarkError('identity_unavailable', message);
}

function commandFailed(what: string): TidemarkError {
  return new TidemarkError('identity_command_failed', `restore.age_identity_command ${what}`);
}
