/** Where the age identity of a host comes from, and how `age` gets it. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import { identityFor, identityWarnings, inspectIdentities } from '../../mariadb/restore/identity.ts';
import { runFolder } from '../support/run.ts';

const { identity, recipient } = newAgeIdentity();
const other = newAgeIdentity();

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(runFolder(), 'identity-'));
  file = path.join(folder, 'key');
  await writeFile(file, `# of the tests\n${other.identity}\n${identity}\n`, { mode: 0o600 });
});

describe('an identity from a file', () => {
  test('is the one that opens the backup, and no other is handed out', async () => {
    const settings = { age_identity_file: file };
    expect(await identityFor(settings, ['age1somebody', recipient])).toBe(identity);
    expect(await inspectIdentities(settings)).toEqual({
      recipients: [other.recipient, recipient],
      fault: '',
    });
    expect(await identityWarnings(settings)).toEqual([]);
  });

  test.each([0o640, 0o604, 0o620, 0o777])('of mode %o is refused, saying how to mend it', async (mode) => {
    await chmod(file, mode);
    const settings = { age_identity_file: file };
    const { recipients, fault } = await inspectIdentities(settings);
    expect(recipients).toEqual([]);
    expect(fault).toContain(`chmod 600 ${file}`);
    expect(fault).toContain(`mode 0${mode.toString(8)}`);
    expect(await identityWarnings(settings)).toEqual([fault]);
    await expect(identityFor(settings, [recipient])).rejects.toMatchObject({
      code: 'identity_unavailable',
      message: expect.stringContaining(`chmod 600 ${file}`),
    });
    await chmod(file, 0o400);
    expect((await inspectIdentities(settings)).fault).toBe('');
  });

  test('that is not there, no file, or a pipe, is said to be so, and nothing waits for it', async () => {
    for (const [place, words] of [
      [path.join(folder, 'none'), 'cannot be read: '],
      [folder, 'is not a plain file'],
      [path.join(folder, 'pipe'), 'is not a plain file'],
    ] as const) {
      if (place.endsWith('pipe')) execFileSync('mkfifo', ['-m', '600', place]);
      const { fault } = await inspectIdentities({ age_identity_file: place });
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
    expect(await identityFor(settings, [third.recipient])).toBe(third.identity);
    expect((await inspectIdentities(settings)).recipients).toEqual([
      other.recipient,
      recipient,
      third.recipient,
    ]);
  });

  test.each([
    [
      `echo "no token for ${identity}" >&2; exit 3`,
      /\(sh\) ended with code 3: no token for AGE-SECRET-KEY-\*\*\*$/,
    ],
    ['true', /printed holds no age identity/],
    [`echo "${identity.slice(0, -1)}"`, /printed has in line 1 something else/],
  ])('that fails says why, and nothing of a secret: %#', async (script, words) => {
    const { recipients, fault } = await inspectIdentities(said(script));
    expect(recipients).toEqual([]);
    expect(fault).toMatch(words);
    expect(fault).not.toContain(identity.slice(16, 40));
  });

  test('that is no program is named', async () => {
    const { fault } = await inspectIdentities({ age_identity_command: ['/nowhere/program'] });
    expect(fault).toContain('/nowhere/program');
  });
});

test('without any setting a host opens nothing', async () => {
  const { recipients, fault } = await inspectIdentities({});
  expect([recipients, fault]).toEqual([[], 'Its settings name no identity.']);
});
