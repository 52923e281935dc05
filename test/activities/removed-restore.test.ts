import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Plane } from '../../activities/control/plane.ts';
import { recordActivities } from '../../activities/control/records.ts';
import { openCatalog } from '../../catalog/open.ts';
import { serviceRecord, succeededBackup } from '../api/harness.ts';

test('a restore that was removed before it began is told so, and its end is no error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'removed-'));
  const catalog = await openCatalog(`sqlite://${folder}/catalog.db`);
  try {
    await catalog.migrate();
    const service = serviceRecord();
    await catalog.upsertService(service);
    const { id: restoreId } = await catalog.createRestore({
      organization: service.organization,
      service,
      backup: await succeededBackup(catalog, service, 'a'),
      mode: 'side-by-side',
      bucket: '',
      message: 'Restore is scheduled.',
      workflowId: (id) => `restore/${id}/abc`,
    });
    const { updateRestore } = recordActivities({ catalog } as Plane);
    expect(await catalog.removeRestore(restoreId, 'another')).toBeUndefined();
    expect(await catalog.removeRestore(restoreId, service.organization)).toMatchObject({
      status: 'Scheduled',
    });
    await expect(
      updateRestore({ restoreId, status: 'Running', message: 'The restore is being planned.' }),
    ).rejects.toMatchObject({ code: 'operation_cancelled' });
    await updateRestore({ restoreId, status: 'Cancelled', message: 'The operation was cancelled.' });
    expect(await catalog.findRestore(restoreId)).toBeUndefined();
  } finally {
    await catalog.close();
    await rm(folder, { recursive: true, force: true });
  }
});
