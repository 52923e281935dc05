/** What expires goes by itself, from the lists and from the store, and what is to be kept is restored afterwards. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { makeOld } from '../activities/expired.ts';
import { recordHistory } from '../support/histories.ts';
import { TestStack, type TestService, until } from '../support/stack.ts';

let stack: TestStack;
let service: TestService;

beforeAll(async () => {
  stack = await TestStack.start('retention', {
    controlSettings: { TIDEMARK_RETENTION_INTERVAL: '1s', TIDEMARK_RETENTION_GRACE: '1s' },
  });
  service = await stack.addService('expiring');
  await service.server.loadSample();
});

afterAll(async () => {
  await stack?.stop();
});

async function folders(): Promise<string[]> {
  return await readdir(path.join(stack.storage, 'expiring', 'backups'));
}

test('an expired backup is removed, the last good full is not, and can be restored', async () => {
  const old = (await stack.takeBackup('expiring')).id;
  const kept = (await stack.takeBackup('expiring')).id;
  const before = await service.server.checksums();
  makeOld(stack.folder, old, 8);
  makeOld(stack.folder, kept, 7.5);
  await until(folders, (names) => !names.includes(old.slice(0, 32)), 'the end of the old backup');
  expect((await stack.request('GET', `/backups/${encodeURIComponent(old)}`)).status).toBe(404);
  expect(stack.control.output).toContain('7 days after it ended');
  await stack.restore(kept, 'expiring');
  expect(await service.server.checksums()).toEqual(before);
  await recordHistory(stack.client, 'retention', 'retention');
});
