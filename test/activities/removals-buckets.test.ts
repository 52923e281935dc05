/** Removals from buckets of customers: one that is away, or refuses, keeps nobody else's from being carried out. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Plane } from '../../activities/control/plane.ts';
import { removalActivities } from '../../activities/control/removals.ts';
import type { ExternalBucketRecord } from '../../catalog/external-bucket-types.ts';
import type { RemovalRecord } from '../../catalog/retention-types.ts';
import { storageOptions } from '../../config/storage.ts';
import { objectKeys } from '../../domain/ids.ts';
import type { Log } from '../../domain/log.ts';
import { bucketContext, type StorageCredentials } from '../../domain/storage-credentials.ts';
import { keyRing } from '../../sealing/key-ring.ts';
import { type Folder, newFolder, openAt } from '../storage/support.ts';
import { runActivity } from '../support/activity.ts';

const dayMs = 86_400_000;
const ring = keyRing(Buffer.alloc(32, 7).toString('base64'), 'sealing-key');

let folder: Folder;
let server: Server;
let endpoint: string;
/** Requests that came for each bucket. */
let asked: Map<string, number>;
let lines: string[];
let audited: unknown[][];
beforeEach(async () => {
  folder = await newFolder();
  asked = new Map();
  lines = [];
  audited = [];
  // A bucket called `away…` does not answer, any other one refuses.
  server = createServer((request, response) => {
    const [, bucket = ''] = request.url?.split('/') ?? [];
    asked.set(bucket, (asked.get(bucket) ?? 0) + 1);
    if (bucket.startsWith('away')) request.socket.destroy();
    else response.writeHead(403, { 'content-type': 'application/xml' }).end(refusal);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await folder.remove();
});

const refusal = '<Error><Code>AccessDenied</Code><Message>Not for you.</Message></Error>';

/** @param bucketId of a customer's bucket, which is called so; left out for the managed storage */
function removal(bucketId?: string, daysAgo = 0): RemovalRecord {
  return {
    backupId: `${randomBytes(16).toString('hex')}:orders:orders`,
    organization: 'acme',
    serviceId: 'orders',
    scheduleId: 1,
    whole: true,
    storedBytes: 0,
    reason: 'It was deleted.',
    beganAt: new Date(Date.now() - daysAgo * dayMs).toISOString(),
    copies: [],
    ...(bucketId !== undefined && { bucketId }),
  };
}

function bucket(id: string): ExternalBucketRecord {
  const credentials: StorageCredentials = {
    scheme: 's3',
    accessKeyId: 'AKIAEXAMPLE',
    secretAccessKey: 'a-secret',
    endpointUrl: endpoint,
  };
  const sealed = ring.seal(JSON.stringify(credentials), bucketContext(id));
  return { id, location: `s3://${id}/kept`, sealed };
}

/** @returns the backups whose removal was finished, in that order, and how many are left */
async function remove(removals: RemovalRecord[]): Promise<{ left: number; finished: string[] }> {
  const finished: string[] = [];
  const write =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const catalog = {
    listRemovals: async () => removals,
    unconfirmedSince: async () => undefined,
    findBucket: async (id: string) => bucket(id),
    finishRemoval: async (id: string, told?: { entry: unknown; end: unknown }) => {
      if (told) audited.push([told.entry, told.end]);
      return finished.push(id) > 0;
    },
  } as unknown as Plane['catalog'];
  const plane = {
    catalog,
    store: await openAt(folder.path),
    copies: new Map(),
    storageOptions: storageOptions.parse({ retry_for: '200ms', request_timeout: '20s' }),
    keyRing: ring,
    externalEndpoints: [new URL(endpoint).host],
    log,
  } as unknown as Plane;
  return { ...(await runActivity(removalActivities(plane).removeDeleted).result), finished };
}

test('what lies in the managed storage comes before them, and one that is away is asked for one backup alone', async () => {
  const [own, other] = [removal(), removal('refuses', 8)];
  const away = Array.from({ length: 5 }, () => removal('away'));
  const { left, finished } = await remove([...away, other, own]);
  expect(left).toBe(5);
  expect(finished).toEqual([own.backupId, other.backupId]);
  expect(asked.get('away')).toBeGreaterThan(0);
  expect(lines.filter((line) => line.includes('did not answer a moment ago'))).toHaveLength(4);
});

test('one that refuses is asked again for a week; then what lies there is left to the customer, and that is said', async () => {
  const [young, old] = [removal('refuses', 6), removal('refuses', 8)];
  const { left, finished } = await remove([young, old]);
  expect({ left, finished, lines }).toMatchObject({ left: 1, finished: [old.backupId] });
  const said = lines.filter((line) => line.includes('its objects are left in the bucket of the customer'));
  expect(said).toEqual([expect.stringContaining(objectKeys.backupFolder(old.backupId))]);
  expect(said[0]).toContain('s3://refuses/kept');
  expect(lines.join('\n')).not.toContain('A backup was removed.');
  const end = { outcome: 'refused', error: 'storage_forbidden', recordIds: [old.backupId] };
  expect(audited).toEqual([
    [expect.objectContaining({ how: 'deployment', organization: 'acme' }), expect.objectContaining(end)],
  ]);
  expect(lines.join('\n')).not.toContain('a-secret');
});
