import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { objectKeys } from '../../domain/ids.ts';
import type { Manifest } from '../../domain/manifest.ts';
import { writeManifest } from '../../storage/manifest.ts';
import { readProbe, writeProbe } from '../../storage/probe.ts';
import { writeServiceFile } from '../../storage/service-file.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { removeParts } from '../../storage/sweep.ts';
import { statParts, verifyBackup } from '../../storage/verify.ts';
import { backupId, putParts } from './backup.ts';
import { watch } from './instrumented.ts';
import { failure, keysOf, newFolder, openAt, type Folder } from './support.ts';

let folder: Folder;
let store: ObjectStore;
let manifest: Manifest;
beforeEach(async () => {
  folder = await newFolder();
  store = await openAt(folder.path);
  manifest = await putParts(store);
});
afterEach(() => folder.remove());

const part = (index: number): string => objectKeys.part(backupId, index);

describe('verifying a backup', () => {
  test('reads every part once and tells how far it is', async () => {
    const watched = watch(store);
    const told: number[] = [];
    await verifyBackup(watched, manifest, { ahead: 2, onProgress: (bytes) => told.push(bytes) });
    expect(watched.gets).toEqual([1, 2, 3, 4, 5].map(part));
    expect(told).toEqual([1000, 2000, 3000, 4000, 4500]);
  });

  test('goes on counting from stream to stream', async () => {
    const [data] = manifest.streams;
    const told: number[] = [];
    const twice = { ...manifest, streams: data ? [data, { ...data, name: 'again' }] : [] };
    await verifyBackup(store, twice, { ahead: 2, onProgress: (bytes) => told.push(bytes) });
    expect(told.at(-1)).toBe(9000);
    expect(told).toEqual([...told].sort((a, b) => a - b));
  });

  test('names a part that was changed, and one that is gone', async () => {
    await store.replace(part(3), Buffer.alloc(1000, 9));
    await expect(verifyBackup(store, manifest, { ahead: 2 })).rejects.toEqual(failure('object_damaged'));
    await expect(verifyBackup(store, manifest, { ahead: 2 })).rejects.toThrow(part(3));
    await store.delete(part(2));
    await expect(verifyBackup(store, manifest, { ahead: 2 })).rejects.toEqual(failure('object_missing'));
    await expect(verifyBackup(store, manifest, { ahead: 2 })).rejects.toThrow(part(2));
  });

  test('sees that two parts were exchanged', async () => {
    const [second, third] = [await store.get(part(2)), await store.get(part(3))];
    await store.replace(part(2), third);
    await store.replace(part(3), second);
    const verifying = verifyBackup(store, manifest, { ahead: 2 });
    await expect(verifying).rejects.toEqual(failure('object_damaged'));
    await expect(verifying).rejects.toThrow(part(2));
  });

  test('can be cancelled', async () => {
    const verifying = verifyBackup(store, manifest, { ahead: 2, signal: AbortSignal.abort() });
    await expect(verifying).rejects.toEqual(failure('operation_cancelled'));
  });
});

describe('looking for the parts of a backup', () => {
  test('reads none of them', async () => {
    const watched = watch(store);
    await statParts(watched, manifest);
    expect(watched.gets).toEqual([]);
  });

  test('names a part that is gone', async () => {
    await store.delete(part(4));
    await expect(statParts(store, manifest)).rejects.toEqual(failure('object_missing'));
    await expect(statParts(store, manifest)).rejects.toThrow(part(4));
  });

  test('names a part of another size, with both sizes', async () => {
    await store.replace(part(4), Buffer.alloc(999));
    await expect(statParts(store, manifest)).rejects.toEqual(failure('object_damaged'));
    await expect(statParts(store, manifest)).rejects.toThrow(/part-000004.*expected 1000 bytes, found 999/);
  });
});

describe('sweeping a backup', () => {
  test('removes its parts when it has no manifest, and nothing else', async () => {
    const other = 'ffff0a6c7d1b4e0f9a8b7c6d5e4f3a2b:orders:orders-0';
    await store.put(objectKeys.part(other, 1), Buffer.from('x'));
    const note = `${objectKeys.backupFolder(backupId)}/part-of-something`;
    await store.put(note, Buffer.from('x'));
    expect(await removeParts(store, backupId)).toEqual({ removed: 5, manifestExists: false });
    expect(await keysOf(store)).toEqual([note, objectKeys.part(other, 1)].sort());
    expect(await removeParts(store, backupId)).toEqual({ removed: 0, manifestExists: false });
  });

  test('removes nothing when it has one', async () => {
    await writeManifest(store, manifest);
    const before = await keysOf(store);
    expect(await removeParts(store, backupId)).toEqual({ removed: 0, manifestExists: true });
    expect(await keysOf(store)).toEqual(before);
  });

  test('removes nothing when it has one that is damaged', async () => {
    await store.put(objectKeys.manifest(backupId), Buffer.from('{'));
    expect(await removeParts(store, backupId)).toEqual({ removed: 0, manifestExists: true });
    await statParts(store, manifest);
  });
});

describe('a probe', () => {
  test('is what its side wrote last, also for another process', async () => {
    expect(await readProbe(store, 'a-1', 'agent')).toBeUndefined();
    await writeProbe(store, 'a-1', 'agent', 'first');
    await writeProbe(store, 'a-1', 'agent', 'second');
    await writeProbe(store, 'a-1', 'control', 'third');
    const again = await openAt(folder.path);
    expect(await readProbe(again, 'a-1', 'agent')).toBe('second');
    expect(await readProbe(again, 'a-1', 'control')).toBe('third');
    expect(await readProbe(again, 'a-2', 'agent')).toBeUndefined();
  });
});

describe('service.json', () => {
  const facts = {
    serviceId: 'orders',
    serviceName: 'Orders',
    organization: 'default',
    labels: { tier: 'gold' },
    cloudProvider: '',
    serverName: 'orders-0',
    serverVersion: '10.11.19-MariaDB',
    agentId: 'a-1',
    agentVersion: '0.1.0',
    hostname: 'db-1',
  };

  test('says what is known, and is written anew', async () => {
    const { layout } = manifest.server;
    await writeServiceFile(store, { ...facts, layout }, '2026-01-31T02:00:00.000Z');
    await writeServiceFile(store, { ...facts, layout, hostname: 'db-2' }, '2026-02-01T02:00:00.000Z');
    const content: unknown = JSON.parse((await store.get('orders/service.json')).toString());
    const writtenAt = '2026-02-01T02:00:00.000Z';
    expect(content).toEqual({ format: 1, ...facts, layout, hostname: 'db-2', writtenAt });
  });

  test('has nothing of an announcement that is not meant to be kept', async () => {
    const announced = { ...facts, layout: manifest.server.layout, probe: 'canary', password: 'canary' };
    await writeServiceFile(store, announced, '2026-01-31T02:00:00.000Z');
    expect((await store.get('orders/service.json')).toString()).not.toContain('canary');
  });
});
