import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer, type AddressInfo } from 'node:net';
import { gcsEmulator } from '../../config/storage.ts';
import { openGcsStore } from '../../storage/gcs/gcs-store.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { startGcs, type TestGcs } from '../support/gcs.ts';
import { HostileProxy, type Passing } from '../support/hostile-proxy.ts';
import { conformance } from './conformance.ts';
import { googleKey } from '../support/google-key.ts';
import { until } from '../support/until.ts';
import { failure, keysOf } from './support.ts';

let gcs: TestGcs;
beforeAll(async () => {
  gcs = await startGcs();
});
afterAll(() => gcs.stop());

conformance('Google Cloud Storage', async () => {
  const bucket = await gcs.bucket();
  const open = (): Promise<ObjectStore> =>
    openGcsStore({ bucket, prefix: 'some/where', options: gcs.options() });
  return { store: await open(), again: open, remove: async () => {} };
});

/** What the server has under a name of its own. */
async function objectOf(bucket: string, name: string): Promise<Record<string, unknown>> {
  const answer = await fetch(`${gcs.endpoint}/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`);
  return (await answer.json()) as Record<string, unknown>;
}

async function putAside(bucket: string, name: string): Promise<void> {
  const url = `${gcs.endpoint}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}`;
  expect((await fetch(url, { method: 'POST', body: 'x' })).ok).toBe(true);
}

describe('opening a bucket of Google Cloud Storage', () => {
  test('that is not there is refused, and says so', async () => {
    const store = await openGcsStore({ bucket: 'none-such', prefix: '', options: gcs.options() });
    const put = store.put('key', Buffer.from('x'));
    await expect(put).rejects.toEqual(failure('bucket_missing'));
    await expect(put).rejects.toThrow(/gs:\/\/none-such: there is no such bucket. Make it/);
  });

  test('whose server does not answer now opens it all the same, and asking it fails', async () => {
    const options = gcs.options({ endpoint: 'http://127.0.0.1:1' });
    const store = await openGcsStore({ bucket: 'bucket', prefix: '', options });
    await expect(store.stat('key')).rejects.toEqual(failure('storage_unavailable'));
  });

  test('is proven to have writes that only create before the first one, once', async () => {
    const bucket = await gcs.bucket();
    const proxy = await HostileProxy.start(gcs.endpoint);
    const writes: string[] = [];
    const watch = (passing: Passing): boolean => {
      if (passing.method === 'POST') writes.push(passing.url);
      return false;
    };
    const store = await openGcsStore({ bucket, prefix: '', options: gcs.options({ endpoint: proxy.url }) });
    await store.replace('other', Buffer.from('x'));
    proxy.order({ kind: 'never' }, watch);
    await store.put('a', Buffer.from('x'));
    expect(writes.length).toBeGreaterThan(1);
    const before = writes.length;
    await store.put('b', Buffer.from('x'));
    expect(writes.length).toBe(before + 1);
    await proxy.close();
  });

  test('without credentials is refused, and names where they are looked for', async () => {
    const before = process.env['GOOGLE_APPLICATION_CREDENTIALS'];
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = '/nowhere/key.json';
    try {
      const options = gcs.options({ endpoint: 'https://127.0.0.1:1' });
      const store = await openGcsStore({ bucket: 'bucket', prefix: '', options });
      const asked = store.stat('key');
      await expect(asked).rejects.toEqual(failure('storage_credentials_refused'));
      await expect(asked).rejects.toThrow(/'\/nowhere'.*GOOGLE_APPLICATION_CREDENTIALS/);
    } finally {
      if (before === undefined) delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
      else process.env['GOOGLE_APPLICATION_CREDENTIALS'] = before;
    }
  });

  test('whose service for tokens fell silent once is asked anew, and works when it answers', async () => {
    let connections = 0;
    let silent = true;
    const way = createServer((socket) => {
      connections += 1;
      socket.on('error', () => undefined);
      if (!silent) socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    });
    await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve));
    const proxy = `http://127.0.0.1:${(way.address() as AddressInfo).port}`;
    const before = { ...process.env };
    Object.assign(process.env, { HTTPS_PROXY: proxy, https_proxy: proxy });
    for (const name of ['NO_PROXY', 'no_proxy']) delete process.env[name];
    try {
      const { email: client_email, privateKey: private_key } = googleKey();
      const store = await openGcsStore({
        bucket: 'bucket',
        prefix: '',
        options: gcs.options({ endpoint: undefined }),
        credentials: { client_email, private_key },
        tokenTimeoutMs: 1_000,
      });
      await expect(store.stat('key')).rejects.toEqual(failure('storage_timeout'));
      await expect(store.stat('key')).rejects.toThrow(/service for tokens did not answer within 1 s/);
      const asked = connections;
      expect(asked).toBeGreaterThan(1);
      silent = false;
      await until(async () => {
        const error: unknown = await store.stat('key').catch((thrown: unknown) => thrown);
        return (error as { code?: unknown }).code !== 'storage_timeout';
      }, 20_000);
      expect(connections).toBeGreaterThan(asked);
    } finally {
      process.env = before;
      way.close();
    }
  });

  test('finds an emulator by its variable, with or without http://', () => {
    expect(gcsEmulator({})).toBeUndefined();
    expect(gcsEmulator({ STORAGE_EMULATOR_HOST: 'localhost:9023' })).toBe('http://localhost:9023');
    expect(gcsEmulator({ STORAGE_EMULATOR_HOST: 'https://emulator:9023/' })).toBe('https://emulator:9023');
  });

  test('asks the emulator that the environment names', async () => {
    const bucket = await gcs.bucket();
    process.env['STORAGE_EMULATOR_HOST'] = gcs.endpoint.replace('http://', '');
    try {
      const store = await openGcsStore({ bucket, prefix: '', options: gcs.options({ endpoint: undefined }) });
      await store.put('key', Buffer.from('x'));
      expect(await objectOf(bucket, 'key')).toMatchObject({ size: '1' });
    } finally {
      delete process.env['STORAGE_EMULATOR_HOST'];
    }
  });
});

describe('a bucket of Google Cloud Storage', () => {
  test('is called by its location, and keeps every object below its prefix', async () => {
    const bucket = await gcs.bucket();
    const store = await openGcsStore({ bucket, prefix: 'a b/c', options: gcs.options() });
    expect(store.location).toBe(`gs://${bucket}/a%20b/c`);
    await store.put('d/e', Buffer.from('x'));
    expect(await objectOf(bucket, 'a b/c/d/e')).toMatchObject({ size: '1' });
    await putAside(bucket, 'a b/elsewhere');
    expect(await keysOf(store)).toEqual(['d/e']);
  });

  test('does not list what a console shows as folders', async () => {
    const bucket = await gcs.bucket();
    const store = await openGcsStore({ bucket, prefix: 'p', options: gcs.options() });
    await store.put('folder/key', Buffer.from('x'));
    await putAside(bucket, 'p/folder/');
    await putAside(bucket, 'p/');
    expect(await keysOf(store)).toEqual(['folder/key']);
  });

  test('writes the storage class that is set', async () => {
    const bucket = await gcs.bucket();
    const options = gcs.options({ storage_class: 'NEARLINE' });
    const store = await openGcsStore({ bucket, prefix: '', options });
    await store.put('key', Buffer.from('x'));
    expect(await objectOf(bucket, 'key')).toMatchObject({ storageClass: 'NEARLINE' });
  });

  test('has names that its client would take for a place for the project’s name', async () => {
    const store = await openGcsStore({ bucket: await gcs.bucket(), prefix: '', options: gcs.options() });
    await store.put('a/{{projectId}}', Buffer.from('x'));
    expect(await keysOf(store)).toEqual(['a/{{projectId}}']);
    expect((await store.get('a/{{projectId}}')).toString()).toBe('x');
  });

  test('tells a changed byte in a range, which has no digest of its own', async () => {
    const bucket = await gcs.bucket();
    const proxy = await HostileProxy.start(gcs.endpoint);
    const options = gcs.options({ endpoint: proxy.url });
    const store = await openGcsStore({ bucket, prefix: '', options });
    await store.put('key', Buffer.alloc(10_000, 'x'));
    proxy.order({ kind: 'flip-download', at: 0.5 });
    await expect(store.get('key', { start: 4_000, length: 2_000 })).rejects.toEqual(
      failure('transfer_damaged'),
    );
    await proxy.close();
  });

  test('lets go of what it was doing when its signal is aborted, and keeps working', async () => {
    const bucket = await gcs.bucket();
    const proxy = await HostileProxy.start(gcs.endpoint);
    const store = await openGcsStore({ bucket, prefix: '', options: gcs.options({ endpoint: proxy.url }) });
    await store.put('key', Buffer.from('x'));
    const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => store.put('other', Buffer.alloc(3_000_000), signal),
      (signal) => store.replace('key', Buffer.from('y'), signal),
      (signal) => store.get('key', undefined, signal),
      (signal) => store.stat('key', signal),
      (signal) => store.list('', { signal })[Symbol.asyncIterator]().next(),
      (signal) => store.delete('key', signal),
    ];
    for (const request of calls) {
      const [before, abort] = [proxy.met.length, new AbortController()];
      proxy.order({ kind: 'never' });
      const asked = request(abort.signal);
      asked.catch(() => undefined);
      await until(() => Promise.resolve(proxy.met.length > before));
      const began = performance.now();
      abort.abort();
      await expect(asked).rejects.toEqual(failure('operation_cancelled'));
      expect(performance.now() - began).toBeLessThan(15_000);
    }
    expect((await store.get('key')).toString()).toBe('x');
    await proxy.close();
  });
});
