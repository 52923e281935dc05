/** Where the age identity of a host comes from, and how `age` gets it. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import { processStart } from '../../mariadb/processes/record.ts';
import { identityFor, identityWarnings, inspectIdentities } from '../../mariadb/restore/identity.ts';
import { type TestAttempt, testAttempt } from '../support/attempts.ts';
import { silentLog } from '../support/mariadb.ts';
import { runFolder } from '../support/run.ts';
import { until } from '../support/until.ts';

const { identity, recipient } = newAgeIdentity();
const other = newAgeIdentity();

let folder: string;
let file: string;
let asking: TestAttempt;
let logged: string[];

beforeEach(async () => {
  logged = [];
  asking = {
    ...(await testAttempt()),
    log: { ...silentLog, warn: (...said: unknown[]) => void logged.push(JSON.stringify(said)) },
  };
  folder = await mkdtemp(path.join(runFolder(), 'identity-'));
  file = path.join(folder, 'key');
  await writeFile(file, `# of the tests\n${other.identity}\n${identity}\n`, { mode: 0o600 });
});

describe('an identity from a file', () => {
  test('is the one that opens the backup, and no other is handed out', async () => {
    const settings = { age_identity_file: file };
    expect(await identityFor(settings, ['age1somebody', recipient], asking)).toBe(identity);
    expect(await inspectIdentities(settings, asking)).toEqual({
      recipients: [other.recipient, recipient],
      fault: '',
    });
    expect(await identityWarnings(settings)).toEqual([]);
  });

  test.each([0o640, 0o604, 0o620, 0o777])('of mode %o is refused, saying how to mend it', async (mode) => {
    await chmod(file, mode);
    const settings = { age_identity_file: file };
    const { recipients, fault } = await inspectIdentities(settings, asking);
    expect(recipients).toEqual([]);
    expect(fault).toContain(`chmod 600 ${file}`);
    expect(fault).toContain(`mode 0${mode.toString(8)}`);
    expect(await identityWarnings(settings)).toEqual([fault]);
    await expect(identityFor(settings, [recipient], asking)).rejects.toMatchObject({
      code: 'identity_unavailable',
      message: expect.stringContaining(`chmod 600 ${file}`),
    });
    await chmod(file, 0o400);
    expect((await inspectIdentities(settings, asking)).fault).toBe('');
  });

  test('that is not there, no file, or a pipe, is said to be so, and nothing waits for it', async () => {
    for (const [place, words] of [
      [path.join(folder, 'none'), 'cannot be read: '],
      [folder, 'is not a plain file'],
      [path.join(folder, 'pipe'), 'is not a plain file'],
    ] as const) {
      if (place.endsWith('pipe')) execFileSync('mkfifo', ['-m', '600', place]);
      const { fault } = await inspectIdentities({ age_identity_file: place }, asking);
      expect(fault).toContain(words);
    }
  });
});

describe('an identity from a command', () => {
  const said = (script: string): { age_identity_command: string[] } => ({
    age_identity_command: ['sh', '-c', script],
  });

  test('is read from what it prints, and goes together with those of a file', async () => {
    const third = newAgeIdentity();
    await writeFile(path.join(folder, 'third'), third.identity);
    const settings = { age_identity_file: file, ...said(`cat ${folder}/third`) };
    expect(await identityFor(settings, [third.recipient], asking)).toBe(third.identity);
    expect((await inspectIdentities(settings, asking)).recipients).toEqual([
      other.recipient,
      recipient,
      third.recipient,
    ]);
  });

  test.each([
    ['exit 3', /\(sh\) ended with code 3; what it said is in the agent's log\.$/],
    ['kill -9 $$', /\(sh\) ended with SIGKILL; /],
    ['true', /printed holds no age identity/],
    [`echo "${identity.slice(0, -1)}"`, /printed has in line 1 something else/],
    [`printf '%s\\n' '${identity}'; head -c 70000 /dev/zero | tr '\\0' '#'`, /printed is too long/],
    [`head -c 70000 /dev/zero | tr '\\0' '#'; printf '\\n%s' '${identity}'`, /printed is too long/],
  ])('that fails says why, and nothing of a secret: %#', async (script, words) => {
    const { recipients, fault } = await inspectIdentities(said(script), asking);
    expect(recipients).toEqual([]);
    expect(fault).toMatch(words);
    expect(fault).not.toContain(identity.slice(16, 40));
  });

  test('that fails has its own words in the log of the agent alone, with secrets masked', async () => {
    const words = `no entry at https://agent:hunter2@vault.example/v1?token=s.abc for ${identity}`;
    const { fault } = await inspectIdentities(said(`echo '${words}' >&2; exit 2`), asking);
    expect(fault).not.toMatch(/vault|hunter2|s\.abc/);
    expect(logged).toEqual([expect.stringContaining('no entry at https://agent:***@vault.example')]);
    expect(logged.join()).not.toMatch(new RegExp(`hunter2|s\\.abc|${identity.slice(16, 40)}`));
  });

  test('that fails is told beside the identities that do not fit', async () => {
    const settings = { age_identity_file: file, ...said('exit 3') };
    expect(await inspectIdentities(settings, asking)).toEqual({
      recipients: [other.recipient, recipient],
      fault: expect.stringContaining('ended with code 3'),
    });
    expect(await identityFor(settings, [recipient], asking)).toBe(identity);
  });

  test('that fails where the backup is fetched is asked again; what it prints in vain is not', async () => {
    const settings = { age_identity_file: file, ...said('exit 3') };
    await expect(identityFor(settings, ['age1somebody'], asking)).rejects.toMatchObject({
      code: 'identity_command_failed',
      retryable: true,
      message: expect.stringContaining('ended with code 3'),
    });
    await expect(
      identityFor({ age_identity_file: file, ...said('true') }, ['age1somebody'], asking),
    ).rejects.toMatchObject({
      code: 'identity_unavailable',
      retryable: false,
      message: expect.stringMatching(/It has age1.*printed holds no age identity.*Put/),
    });
  });

  test('is ended when the work is called off, and recorded while it runs', async () => {
    const records = path.join(asking.folder, 'processes');
    const asked = identityFor(said('sleep 50'), [recipient], asking);
    asked.catch(() => undefined);
    const recorded = async (): Promise<string[]> => await readdir(records).catch(() => []);
    await until(async () => (await recorded()).length > 0);
    const [record = ''] = await recorded();
    asking.abort(new Error('called off'));
    await expect(asked).rejects.toThrow('called off');
    expect(await readdir(records)).toEqual([]);
    expect(processStart(Number.parseInt(record, 10))).toBeUndefined();
  });

  test('that is no program is named', async () => {
    const { fault } = await inspectIdentities({ age_identity_command: ['/nowhere/program'] }, asking);
    expect(fault).toContain('/nowhere/program');
  });
});

test('without any setting a host opens nothing', async () => {
  const { recipients, fault } = await inspectIdentities({}, asking);
  expect([recipients, fault]).toEqual([[], 'Its settings name no identity.']);
});
