/**
 * Requests made from the document, with a fixed seed: whatever a client sends, there is no 5xx and no answer outside
 * its schema. `npm run test:fuzz` sends some 10,000 of them; a sample of it runs with every test run.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { OpenApi } from '../support/openapi.ts';
import { longRun } from '../support/long.ts';
import { requestsOf } from '../support/requests.ts';
import { awsCredentials, type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';

const seed = 20_240_326;
const count = Number(process.env['TIDEMARK_TEST_FUZZ'] ?? (longRun ? 10_000 : 400));

let api: Harness;
let backupId: string;
beforeAll(async () => {
  api = await openApi('there');
  const service = serviceRecord();
  await api.catalog.upsertService(service);
  await api.catalog.upsertService(serviceRecord({ serviceId: 'theirs', organization: 'other' }));
  ({ id: backupId } = await succeededBackup(api.catalog, service, 'a'));
});
afterAll(async () => {
  await api.close();
});

test(
  `${count} requests with the seed ${seed} find no 5xx and no answer outside its schema`,
  async () => {
    const { body } = await api.askRaw('GET', '/openapi.json', { token: '' });
    const services = ['dbtgf28044362', 'theirs', 'unknown'];
    const requests = requestsOf(
      body as unknown as OpenApi,
      {
        service_id: services,
        id: [backupId, ...services, 1, '/backup.tar.gz'],
        key: [backupId, ...services],
        backup_id: [backupId, `${'f'.repeat(32)}:dbtgf28044362:mdb-ms-0`],
        schedule: ['once', '0 3 * * *', '0 9 ** *', '*/5 * * * mon-fri', '@daily', '0 0 31 2 *', 'x'],
        backup_type: ['full', 'physical', 'incremental', 'binarylog', 'dump', 'logical', 'snapshot'],
        point_in_time: ['2024-03-26 17:18:21', '2024-03-26T17:18:21Z'],
        gtid: ['0-1-42'],
        credentials: [awsCredentials, [...Buffer.from('[default]')], 'e30='],
        path: ['s3://mine/folder', 'gs://mine', '/etc'],
        bucket: [{ path: 's3://mine', credentials: awsCredentials }, 's3://mine/', 'mine'],
        'backups id': [backupId, ...services, 'schedules'],
        'schedule id': [1, 2, 3, 999],
        'restores id': [1, 2, 999],
        'services id': services,
        file: ['binlog.000007'],
      },
      Object.values(tokens),
    );
    const answered = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(requests, async ({ method, path, headers, body: content }) => {
        // An answer that does not fit the document makes the harness throw.
        const { status, text } = await api.askRaw(method, path, { token: '', headers, body: content });
        answered.set(status, (answered.get(status) ?? 0) + 1);
        if (status >= 500) throw new Error(`${status}: ${text}`);
      }),
      { seed, numRuns: count, endOnFailure: true },
    );
    const sorted = [...answered].toSorted(([a], [b]) => a - b);
    process.stdout.write(
      `Fuzz: ${count} requests, ${sorted.map(([status, number]) => `${number} × ${status}`).join(', ')}; no 5xx, no answer outside its schema\n`,
    );
    // Were all of them refused, nothing would have been tried.
    expect(answered.get(200) ?? 0).toBeGreaterThan(count / 20);
    expect(JSON.stringify(api.log)).not.toContain('wJalrXUtnFEMI');
  },
  15 * 60_000,
);
