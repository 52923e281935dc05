import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { truncate } from 'node:fs/promises';
import path from 'node:path';
import { objectKeys } from '../../domain/ids.ts';
import type { Manifest } from '../../domain/manifest.ts';
import { mostManifestBytes, readManifest, writeManifest } from '../../storage/manifest.ts';
import { mostParts, partSizeFor } from '../../storage/part-size.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { backupId, putParts } from './backup.ts';
import { watch } from './instrumented.ts';
import { failure, newFolder, openAt, type Folder } from './support.ts';

let folder: Folder;
let store: ObjectStore;
let manifest: Manifest;
beforeEach(async () => {
  folder = await newFolder();
  store = await openAt(folder.path);
  manifest = await putParts(store);
});
afterEach(() => folder.remove());

const key = objectKeys.manifest(backupId);

/** Puts what is no manifest of ours in the manifest's place. */
async function putContent(content: unknown): Promise<void> {
  await store.replace(key, Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)));
}

describe('a manifest', () => {
  test('is read as it was written, with the digest of its bytes', async () => {
    const written = await writeManifest(store, manifest);
    const bytes = await store.get(key);
    expect(written).toEqual({ key, sha256: createHash('sha256').update(bytes).digest('hex') });
    const read = { manifest, sha256: written.sha256, body: bytes };
    expect(await readManifest(store, backupId)).toEqual(read);
    expect(await readManifest(store, backupId, written.sha256)).toEqual(read);
  });

  test('of a server without a binlog has none', async () => {
    delete manifest.binlog;
    await writeManifest(store, manifest);
    expect((await readManifest(store, backupId)).manifest).toEqual(manifest);
  });

  test('is JSON with a line for each field, the same bytes whatever the order of its fields was', async () => {
    const { sha256 } = await writeManifest(store, manifest);
    const text = (await store.get(key)).toString();
    expect(text.startsWith('{\n  "format": 3,\n  "backupId": ')).toBe(true);
    expect(text.endsWith('\n}\n')).toBe(true);
    const turned = Object.fromEntries(Object.entries(manifest).reverse()) as unknown as Manifest;
    expect((await writeManifest(store, turned)).sha256).toBe(sha256);
  });

  test('is never overwritten by another', async () => {
    await writeManifest(store, manifest);
    await expect(writeManifest(store, { ...manifest, agentId: 'a-2' })).rejects.toEqual(
      failure('object_exists'),
    );
    expect((await readManifest(store, backupId)).manifest.agentId).toBe('a-1');
  });

  test('that contradicts itself is not written', async () => {
    await expect(writeManifest(store, { ...manifest, storedBytes: 1 })).rejects.toEqual(failure('internal'));
    await expect(writeManifest(store, { ...manifest, endedAt: 'yesterday' })).rejects.toThrow(/endedAt/);
    await expect(store.stat(key)).rejects.toEqual(failure('object_missing'));
  });

  test('that is not there is a backup that does not exist', async () => {
    await expect(readManifest(store, backupId)).rejects.toEqual(failure('object_missing'));
  });

  test('with another digest than the one that is known is damaged', async () => {
    await writeManifest(store, manifest);
    const reading = readManifest(store, backupId, '0'.repeat(64));
    await expect(reading).rejects.toEqual(failure('object_damaged'));
    await expect(reading).rejects.toThrow(/expected SHA-256 0{64}, found [0-9a-f]{64}/);
  });

  test('of more than a manifest can have is damaged, and no more of it is read than tells that', async () => {
    await putContent('{}');
    await truncate(path.join(folder.path, key), 50 * 1024 ** 3);
    let asked: number | undefined;
    const watched = watch(store);
    const get = watched.get.bind(watched);
    watched.get = (name, range, ...rest) => {
      asked = range?.length;
      return get(name, range, ...rest);
    };
    const reading = readManifest(watched, backupId, '0'.repeat(64));
    await expect(reading).rejects.toEqual(failure('object_damaged'));
    await expect(reading).rejects.toThrow(`more than the ${mostManifestBytes} bytes`);
    expect(asked).toBe(mostManifestBytes + 1);
  });

  test('can name as many parts as a stream can have, whatever the length of the names', () => {
    const part = {
      key: objectKeys.part(`${'0'.repeat(32)}:${'s'.repeat(100)}:server`, mostParts),
      bytes: 1024 ** 3,
      sha256: '0'.repeat(64),
    };
    const text = (parts: unknown[]): string => JSON.stringify({ streams: [{ parts }] }, null, 2);
    const bytes = text([part, part]).length - text([part]).length;
    expect(bytes * mostParts).toBeLessThan(mostManifestBytes - 1024 * 1024);
  });

  test('has room for a stream of any size, because the parts of a large one are larger', () => {
    const [wanted, tebibyte] = [16 * 1024 ** 2, 1024 ** 4];
    expect(partSizeFor(wanted, 0)).toBe(wanted);
    expect(partSizeFor(64 * 1024, 100 * 1024 ** 2)).toBe(64 * 1024);
    expect(partSizeFor(wanted, 2 * tebibyte)).toBe(wanted);
    expect(partSizeFor(wanted, 10 * tebibyte)).toBe(70 * 1024 ** 2);
    expect((100 * tebibyte) / partSizeFor(wanted, 100 * tebibyte)).toBeLessThan(mostParts);
  });

  test('of format 1 says neither whose data it is of nor how large that was', async () => {
    const { dataBytes: _dataBytes, lineage, ...known } = manifest;
    const { server: _server, ...before } = lineage;
    await putContent({ ...known, format: 1, lineage: before });
    expect((await readManifest(store, backupId)).manifest).toEqual({
      ...manifest,
      format: 1,
      dataBytes: 0,
      lineage: { ...lineage, server: '' },
    });
  });

  test.each([
    [{ type: 'incremental' }, { parent: '' }, 'lineage.parent: "" on a backup of the type incremental'],
    [{ type: 'full' }, { parent: backupId }, 'on a backup of the type full'],
    [{ type: 'incremental' }, { parent: backupId }, 'is not another backup of orders'],
    [
      { type: 'incremental' },
      { parent: `${'1'.repeat(32)}:other:other-0` },
      'is not another backup of orders',
    ],
    [{ type: 'full' }, { fromLsn: 7 }, 'lineage.fromLsn: expected 0, found 7'],
    [{ type: 'full' }, { toLsn: -1 }, 'lineage.toLsn'],
  ] as const)('of %j with the lineage %j contradicts itself', async (change, lineage, says) => {
    await putContent({ ...manifest, ...change, lineage: { ...manifest.lineage, ...lineage } });
    await expect(readManifest(store, backupId)).rejects.toThrow(says);
  });

  test('of a later format is told from a damaged one', async () => {
    await putContent({ format: 4, everything: 'is different' });
    const reading = readManifest(store, backupId);
    await expect(reading).rejects.toEqual(failure('not_available'));
    await expect(reading).rejects.toThrow(/format 4.*formats up to 3/);
  });

  test.each([
    { what: 'no JSON', change: () => '{"format": 1,', says: /not JSON/ },
    { what: 'an empty object in the store', change: () => '', says: /not JSON/ },
    { what: 'a list', change: () => [], says: /manifest: / },
    { what: 'null', change: () => null, says: /manifest: / },
    { what: 'no format', change: (): unknown => ({ ...manifest, format: undefined }), says: /format: / },
    { what: 'the format 0', change: () => ({ ...manifest, format: 0 }), says: /format: / },
    { what: 'an unknown field', change: () => ({ ...manifest, surprise: 1 }), says: /surprise/ },
    {
      what: 'a size below 0',
      change: () => ({ ...manifest, uncompressedBytes: -1 }),
      says: /uncompressedBytes: /,
    },
    {
      what: 'another compression',
      change: () => ({ ...manifest, pipeline: { compression: 'lz4', recipients: [] } }),
      says: /pipeline\.compression: /,
    },
    { what: 'no streams', change: () => ({ ...manifest, streams: [] }), says: /streams: / },
    {
      what: 'another backup’s id',
      change: () => ({ ...manifest, backupId: backupId.replace('eda3', 'ffff') }),
      says: /backupId: expected eda3.*found ffff/,
    },
    {
      what: 'another service',
      change: () => ({ ...manifest, serviceId: 'invoices' }),
      says: /serviceId: expected orders, found invoices/,
    },
    {
      what: 'another sum',
      change: () => ({ ...manifest, storedBytes: 4501 }),
      says: /storedBytes: expected 4500, found 4501/,
    },
    {
      what: 'a part of another backup',
      change: () => withPart(1, { key: 'invoices/backups/00/part-000002' }),
      says: /key of part 2: expected orders.*found invoices/,
    },
    {
      what: 'a part outside the store',
      change: () => withPart(1, { key: '../../etc/passwd' }),
      says: /key of part 2/,
    },
    {
      what: 'a part whose size is wrong',
      change: () => withPart(2, { bytes: 7 }),
      says: /bytes of the stream data: expected 3507, found 4500/,
    },
    {
      what: 'a part without a digest',
      change: () => withPart(2, { sha256: '' }),
      says: /streams\.0\.parts\.2\.sha256: /,
    },
    { what: 'two parts exchanged', change: () => exchanged(), says: /key of part 1: .*key of part 2: / },
    {
      what: 'one stream twice',
      change: () => ({ ...manifest, storedBytes: 9000, streams: [...manifest.streams, ...manifest.streams] }),
      says: /key of part 6/,
    },
  ])('with $what is damaged, and the message says where', async ({ change, says }) => {
    await putContent(change());
    const reading = readManifest(store, backupId);
    await expect(reading).rejects.toEqual(failure('object_damaged'));
    await expect(reading).rejects.toThrow(says);
    await expect(reading).rejects.toThrow(key);
  });

  function withPart(index: number, change: object): unknown {
    const streams = manifest.streams.map((stream) => ({
      ...stream,
      parts: stream.parts.map((part, at) => (at === index ? { ...part, ...change } : part)),
    }));
    return { ...manifest, streams };
  }

  function exchanged(): unknown {
    const streams = manifest.streams.map((stream) => {
      const [first, second, ...rest] = stream.parts;
      return { ...stream, parts: [second, first, ...rest] };
    });
    return { ...manifest, streams };
  }
});
