/** Changing the sealing key: what an old key sealed is sealed under the new one, and the old line may go. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openCatalog } from '../../catalog/open.ts';
import type { Catalog } from '../../catalog/types.ts';
import { bucketContext } from '../../domain/storage-credentials.ts';
import { keyRing } from '../../sealing/key-ring.ts';
import { newKeyLine, parseKeys } from '../../sealing/keys.ts';
import { newBackupId, registered } from '../catalog/records.ts';
import { CommandLine, type Ended } from '../support/command-line.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'reseal-'));
const file = path.join(folder, 'sealing-key');
const location = `sqlite://${folder}/catalog.db`;
const oldLine = newKeyLine();
const secret = 'canary-secret-0123456789';
let catalog: Catalog;

beforeAll(async () => {
  catalog = await openCatalog(location);
  await catalog.migrate();
  writeFileSync(file, `${oldLine}\n`, { mode: 0o600 });
});

afterAll(async () => {
  await catalog.close();
});

async function keepBucket(id: string, line: string): Promise<void> {
  const service = await registered(catalog);
  const { organization } = service;
  const sealed = keyRing(line, 'keys').seal(secret, bucketContext(id));
  const bucket = { id, location: 's3://mine', sealed };
  const backupId = newBackupId(service);
  const order = { organization, service, type: 'full', backupId, message: 'Ordered.', bucket } as const;
  await catalog.createOneTimeBackup({ ...order, workflowId: () => `backup/${backupId}` });
}

const reseal = async (): Promise<Ended> =>
  await new CommandLine({ TIDEMARK_CATALOG: location }).run('sealing-key', 'reseal', file);

const idOf = (line: string): string => parseKeys(line, 'keys')[0].id;

test('after rotate and reseal nothing can be read with the old key, and its line may go', async () => {
  const ids = Array.from({ length: 3 }, (_, index) => String(index).repeat(32));
  for (const id of ids) await keepBucket(id, oldLine);
  const rotated = await new CommandLine().run('sealing-key', 'rotate', file);
  expect([rotated.code, rotated.stderr]).toEqual([0, expect.stringContaining('sealing-key reseal')]);
  const [newLine = ''] = readFileSync(file, 'utf8').split('\n');
  expect(newLine).not.toBe(oldLine);

  const { code, stdout, stderr } = await reseal();
  expect([code, stdout]).toEqual([0, '']);
  expect(stderr).toContain(
    `The credentials of 3 buckets were sealed anew; all are sealed under the key ${idOf(newLine)}`,
  );
  expect(stderr).toContain(
    `The key ${idOf(oldLine)}, line 2 of ${file}, may go: nothing is sealed under it.`,
  );
  for (const text of [secret, oldLine, newLine]) expect(stderr).not.toContain(text);

  const kept = await catalog.listSealed('', 100);
  expect(kept.map(({ id }) => id)).toEqual(ids);
  for (const { id, sealed } of kept) {
    expect(keyRing(newLine, 'keys').open(sealed, bucketContext(id))).toBe(secret);
    expect(() => keyRing(oldLine, 'keys').open(sealed, bucketContext(id))).toThrow(
      'not in the sealing key file',
    );
  }
  expect((await reseal()).stderr).toContain('The credentials of 0 buckets were sealed anew');
  writeFileSync(file, `${newLine}\n`);
  expect((await reseal()).code).toBe(0);
});

test('a key that only kept answers need may go when they are forgotten, and it says when', async () => {
  const [newLine = ''] = readFileSync(file, 'utf8').trim().split('\n');
  writeFileSync(file, `${newLine}\n# since May\n${oldLine}\n`);
  const fingerprint = keyRing(oldLine, 'keys').digest('{}', 'key-1');
  await catalog.claimKey({ id: 'key-1', fingerprint, claim: 'c', leaseMs: 1_000, keepMs: 3_600_000 });
  const { code, stderr } = await reseal();
  expect(code).toBe(0);
  const [, until = ''] = /line 3 of .* may go after (\S+): until then it opens answers/.exec(stderr) ?? [];
  expect(Date.parse(until)).toBeGreaterThan(Date.now());
});

test('what is sealed under a key that is lost is named, and all else is sealed anew', async () => {
  const lost = newKeyLine();
  await keepBucket('a'.repeat(32), lost);
  await keepBucket('b'.repeat(32), oldLine);
  const { code, stderr } = await reseal();
  expect(code).not.toBe(0);
  expect(stderr).toContain(
    `not in ${file}: ${idOf(lost)}. 1 others were sealed anew. Put the missing lines back`,
  );
  const [newLine = ''] = readFileSync(file, 'utf8').trim().split('\n');
  const { sealed = '' } = (await catalog.listSealed('', 100)).find(({ id }) => id === 'b'.repeat(32)) ?? {};
  expect(keyRing(newLine, 'keys').open(sealed, bucketContext('b'.repeat(32)))).toBe(secret);
});
