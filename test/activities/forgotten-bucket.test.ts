import { expect, test } from '@jest/globals';
import { storeOf } from '../../activities/control/buckets.ts';
import type { Plane } from '../../activities/control/plane.ts';
import type { ObjectStore } from '../../storage/store.ts';

const managed = { location: 'file:///srv/backups' } as ObjectStore;

/** The control plane whose catalog has one backup, and nothing of a bucket. */
function planeWith(method: 'external' | 'skybucket'): Plane {
  const catalog = {
    findExternalBucket: () => Promise.resolve(undefined),
    findBackup: () => Promise.resolve({ method }),
  } as unknown as Plane['catalog'];
  return { catalog, store: managed } as Plane;
}

test("a backup in a customer's bucket is never looked for in the managed storage", async () => {
  expect(await storeOf(planeWith('skybucket'), 'a:b:c')).toBe(managed);
  const found = storeOf(planeWith('external'), 'a:b:c');
  await expect(found).rejects.toMatchObject({
    code: 'backup_not_found',
    message: expect.stringMatching(/Nothing is known any more of the bucket .*"external_storage" anew/),
  });
});
