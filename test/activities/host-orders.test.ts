/** Orders that an agent refuses before anything is done. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pathToFileURL } from 'node:url';
import path from 'node:path';
import { followActivities } from '../../activities/host/follow.ts';
import type { Host } from '../../activities/host/host.ts';
import { transactionActivities } from '../../activities/host/transactions.ts';
import type { TransactionsOrder } from '../../domain/archive/transactions.ts';
import { noEncryption } from '../../domain/encryption.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { type Folder, newFolder } from '../storage/support.ts';
import { runActivity } from '../support/activity.ts';
import { openHost } from '../support/host.ts';

let folder: Folder;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(async () => {
  await folder.remove();
});

async function hostWith(store?: ObjectStore): Promise<Host> {
  return await openHost(
    {
      service_id: 'db-1',
      state_directory: path.join(folder.path, 'state'),
      storage: pathToFileURL(path.join(folder.path, 'store')).href,
      server: { defaults_file: path.join(folder.path, 'my.cnf') },
    },
    store,
  );
}

describe('an order to follow', () => {
  test.each([undefined, ''])('of before reports had a session (%p) is refused for good', async (session) => {
    const host = await hostWith();
    const order = {
      serviceId: 'db-1',
      workflowId: 'follow/db-1',
      deploymentId: 'a-deployment',
      intervalMs: 10,
      encryption: noEncryption,
      start: { file: 'bin.000001', position: 4 },
      ...(session !== undefined && { session }),
    };
    const end = new AbortController();
    const { result } = runActivity(() => followActivities(host).followBinlog(order), end.signal);
    const ended = setTimeout(() => end.abort(new Error('It was taken.')), 5_000);
    await expect(result).rejects.toMatchObject({ code: 'order_outdated', retryable: false });
    clearTimeout(ended);
  });
});

describe('a list of transactions', () => {
  const segment = { file: 'bin.000001', start: 0, end: 100 };
  const order: TransactionsOrder = {
    serviceId: 'db-1',
    limit: 10,
    parts: [
      {
        timeline: 't'.repeat(32),
        from: { file: segment.file, position: 0 },
        to: { file: segment.file, position: 100 },
        segments: [segment],
        head: segment,
      },
    ],
  };

  test('is refused at once while another one is read, and read afterwards', async () => {
    const begun = Promise.withResolvers<undefined>();
    const answer = Promise.withResolvers<never>();
    const away = async (): Promise<never> => {
      begun.resolve(undefined);
      return await answer.promise;
    };
    const store = {
      location: 'file:///away',
      put: away,
      replace: away,
      get: away,
      stat: away,
      list: away,
      delete: away,
    } as unknown as ObjectStore;
    const { readTransactions } = transactionActivities(await hostWith(store));
    const read = (): Promise<unknown> => runActivity(() => readTransactions(order)).result;

    const first = read();
    first.catch(() => undefined);
    await begun.promise;
    const others = Array.from({ length: 20 }, async () => read());
    for (const { status, reason } of await Promise.allSettled(others).then(
      (all) => all as PromiseRejectedResult[],
    )) {
      expect(status).toBe('rejected');
      expect(reason).toMatchObject({ code: 'agent_busy', retryable: true, status: 503 });
    }

    answer.reject(new Error('The store is gone.'));
    await expect(first).rejects.toThrow('The store is gone.');
    await expect(read()).rejects.toThrow('The store is gone.');
  });
});
