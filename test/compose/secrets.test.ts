/** The script that makes the deployment's secrets. */
import { expect } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseTokens } from '../../api/auth/tokens-file.ts';
import { parseKeys } from '../../sealing/keys.ts';
import { testIf } from '../support/skip.ts';

const script = resolve(import.meta.dirname, '../../deploy/make-secrets');
const testAsRoot = testIf(process.getuid?.() === 0, 'giving files to other users needs root');

/** Two folders, for the secrets and for what opens the store. */
function inFolders(run: (folder: string, storage: string) => void): void {
  const folders = ['secrets-', 'storage-'].map((name) => mkdtempSync(join(tmpdir(), name)));
  const [folder = '', storage = ''] = folders;
  try {
    run(folder, storage);
  } finally {
    for (const one of folders) rmSync(one, { recursive: true });
  }
}

const contents = (folder: string): Record<string, string> =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));

testAsRoot('secrets are long, all different, and readable by their users alone', () => {
  inFolders((folder, storage) => {
    execFileSync(script, [folder, storage]);
    const { tokens = '', sealing_key: sealingKey = '', ...random } = contents(folder);
    expect(Object.keys(random).sort()).toEqual([
      'catalog_password',
      'postgres_password',
      's3_access_key',
      's3_secret_key',
      'temporal_password',
      'token',
    ]);
    const values = Object.values(random).map((value) => value.trim());
    for (const value of values) expect(value).toMatch(/^[A-Za-z0-9]{36,40}$/);
    expect(new Set(values).size).toBe(values.length);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o440);
    const { id } = parseKeys(sealingKey, 'sealing_key')[0];
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(parseTokens(tokens, 'tokens').find(random['token']?.trim() ?? '')).toEqual({
      organization: 'default',
      role: 'administrator',
      subject: 'first',
      how: 'tokens_file',
    });
  });
});

testAsRoot('secrets that are there are left as they are, and a missing one is made', () => {
  inFolders((folder, storage) => {
    execFileSync(script, [folder, storage]);
    const before = contents(folder);
    rmSync(join(folder, 's3_secret_key'));
    execFileSync(script, [folder, storage]);
    const { s3_secret_key: after, ...rest } = contents(folder);
    const { s3_secret_key: lost, ...kept } = before;
    expect(rest).toEqual(kept);
    expect(after).not.toBe(lost);
  });
});

testAsRoot(
  "the store's credentials are its keys, for those who read nothing else, and follow new keys",
  () => {
    inFolders((folder, storage) => {
      const credentials = join(storage, 'credentials');
      const expectKeys = (): void => {
        const { s3_access_key: key = '', s3_secret_key: secret = '' } = contents(folder);
        const lines = [
          '[default]',
          `aws_access_key_id = ${key.trim()}`,
          `aws_secret_access_key = ${secret.trim()}`,
        ];
        expect(contents(storage)).toEqual({ credentials: `${lines.join('\n')}\n` });
        const { mode, uid, gid } = statSync(credentials);
        expect([mode & 0o777, uid, gid]).toEqual([0o440, 0, 1005]);
      };
      execFileSync(script, [folder, storage]);
      expectKeys();
      const { ino } = statSync(credentials);
      execFileSync(script, [folder, storage]);
      expect(statSync(credentials).ino).toBe(ino);
      rmSync(join(folder, 's3_secret_key'));
      execFileSync(script, [folder, storage]);
      expectKeys();
      expect(statSync(credentials).ino).not.toBe(ino);
    });
  },
);
