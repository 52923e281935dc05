/**
 * The age identities of a host: from a file that its owner alone may read, or printed by a command. They are in this
 * process's memory while a restore begins, and in what `age` reads; an error names places and public keys, no more.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { RestoreSettings } from '../../config/agent.ts';
import { withoutSecretKeys } from '../../domain/age.ts';
import { type AgeIdentity, parseIdentities } from '../../domain/age-identity.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { type HostIdentities, refuseWithoutIdentity } from '../../domain/restore-plan.ts';
import { runProgram } from '../processes/run.ts';

type IdentitySettings = Pick<RestoreSettings, 'age_identity_file' | 'age_identity_command'>;

/** A file of identities is some lines; anything larger is something else. */
const longestBytes = 64 * 1024;
const commandMs = 60_000;

/** What the host can open, without telling with what. */
export async function inspectIdentities(settings: IdentitySettings): Promise<HostIdentities> {
  const { identities, faults } = await readIdentities(settings);
  return {
    recipients: [...new Set(identities.map(({ recipient }) => recipient))],
    fault: identities.length > 0 ? '' : faults.join(' '),
  };
}

/**
 * The identity that opens a backup for these recipients, a secret.
 *
 * @throws identity_unavailable, naming the recipients one of which is needed
 */
export async function identityFor(settings: IdentitySettings, recipients: string[]): Promise<string> {
  const { identities, faults } = await readIdentities(settings);
  const fitting = identities.find(({ recipient }) => recipients.includes(recipient));
  if (fitting) return fitting.identity;
  const held = identities.map(({ recipient }) => recipient);
  refuseWithoutIdentity(recipients, { recipients: held, fault: held.length > 0 ? '' : faults.join(' ') });
  throw new Error('an identity was there and was not');
}

/** What is wrong with the file of identities, each a sentence: told before somebody needs it. */
export async function identityWarnings({ age_identity_file: file }: IdentitySettings): Promise<string[]> {
  return file === undefined ? [] : (await readIdentities({ age_identity_file: file })).faults;
}

async function readIdentities(
  settings: IdentitySettings,
): Promise<{ identities: AgeIdentity[]; faults: string[] }> {
  const { age_identity_file: file, age_identity_command: command } = settings;
  const identities: AgeIdentity[] = [];
  const faults: string[] = [];
  const sources = [
    ...(file === undefined ? [] : [() => fromFile(file)]),
    ...(command ? [() => fromCommand(command)] : []),
  ];
  for (const read of sources) {
    try {
      identities.push(...(await read()));
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      faults.push(error.message);
    }
  }
  if (sources.length === 0) faults.push('Its settings name no identity.');
  return { identities, faults };
}

async function fromFile(file: string): Promise<AgeIdentity[]> {
  const what = `The age identity file ${file}`;
  let text: string;
  try {
    // Not to wait for somebody who writes, should it be a pipe.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const { mode, size } = await handle.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw unusable(`${what} is not a plain file.`);
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      throw unusable(
        `${what} can be read or changed by others than its owner (mode ${shown}): chmod 600 ${file}`,
      );
    }
    if (size > longestBytes) throw unusable(`${what} is too large to be one.`);
    text = await handle.readFile('utf8');
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw unusable(`${what} cannot be read: ${messageOf(error)}.`);
  }
  return parsed(text, what);
}

async function fromCommand([program = '', ...args]: string[]): Promise<AgeIdentity[]> {
  const what = `What restore.age_identity_command (${program}) printed`;
  let result: Awaited<ReturnType<typeof runProgram>>;
  try {
    result = await runProgram(program, args, { keepBytes: longestBytes, timeoutMs: commandMs });
  } catch (error) {
    throw unusable(`restore.age_identity_command failed: ${messageOf(error)}`);
  }
  const { code, signal, stdout, stderr } = result;
  if (code !== 0) {
    const said = withoutSecretKeys(stderr.trim().split('\n').at(-1) ?? '').slice(-300);
    throw unusable(
      `restore.age_identity_command (${program}) ended with ${signal ?? `code ${code}`}: ${said}`,
    );
  }
  return parsed(stdout, what);
}

function parsed(text: string, what: string): AgeIdentity[] {
  const result = parseIdentities(text);
  if ('fault' in result) throw unusable(`${what} ${result.fault}.`);
  return result.identities;
}

function unusable(message: string): TidemarkError {
  return new TidemarkError('identity_unavailable', message);
}
