/** The part of the conformance suite on creating, replacing and deleting objects. */
import { describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { TidemarkError } from '../../domain/errors.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { longRun } from '../support/long.ts';
import { failure, keysOf } from './support.ts';

/** @param store the store under test, once the suite runs; `again` opens the same objects as another process would */
export function writesConform(store: () => ObjectStore, again: () => Promise<ObjectStore>): void {
  describe('put', () => {
    test('creates an object that another connection reads', async () => {
      await store().put('put/one', Buffer.from('content'));
      expect(await (await again()).get('put/one')).toEqual(Buffer.from('content'));
    });

    test('refuses a key that is taken, also by the same content, and leaves what is there', async () => {
      await store().put('put/taken', Buffer.from('first'));
      await expect(store().put('put/taken', Buffer.from('first'))).rejects.toEqual(failure('object_exists'));
      await expect(store().put('put/taken', Buffer.from('second'))).rejects.toEqual(failure('object_exists'));
      expect((await store().get('put/taken')).toString()).toBe('first');
    });

    test('keeps an empty object', async () => {
      await store().put('put/empty', new Uint8Array(0));
      expect(await store().stat('put/empty')).toMatchObject({ bytes: 0 });
      expect(await store().get('put/empty')).toHaveLength(0);
      expect(await store().get('put/empty', { start: 0, length: 1 })).toHaveLength(0);
    });

    test('keeps an object of 64 MiB, byte for byte', async () => {
      const body = randomBytes(64 * 1024 * 1024);
      await store().put('put/large', body);
      expect(await store().stat('put/large')).toMatchObject({ bytes: body.length });
      expect((await store().get('put/large')).equals(body)).toBe(true);
      await store().delete('put/large');
    });

    test('stores a view of memory, not the memory around it', async () => {
      const around = Buffer.from('xxcontentxx');
      await store().put('put/view', new Uint8Array(around.buffer, around.byteOffset + 2, 7));
      expect((await store().get('put/view')).toString()).toBe('content');
    });

    test('lets one of eight racing writers win, and the object is wholly the winner’s', async () => {
      const rounds = longRun ? 100 : 10;
      for (let round = 0; round < rounds; round++) {
        const key = `race/${round}`;
        const writers = await Promise.all(Array.from({ length: 8 }, () => again()));
        const results = await Promise.allSettled(
          writers.map((writer, index) => writer.put(key, Buffer.alloc(100_000, index))),
        );
        const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
        expect(winners).toHaveLength(1);
        for (const result of results) {
          if (result.status === 'rejected') expect(result.reason).toEqual(failure('object_exists'));
        }
        expect((await store().get(key)).equals(Buffer.alloc(100_000, winners[0]))).toBe(true);
      }
    });

    test('with a signal that is aborted does nothing and says so', async () => {
      const signal = AbortSignal.abort();
      await expect(store().put('put/aborted', Buffer.from('x'), signal)).rejects.toEqual(
        failure('operation_cancelled'),
      );
      await expect(store().replace('put/aborted', Buffer.from('x'), signal)).rejects.toEqual(
        failure('operation_cancelled'),
      );
      expect(await keysOf(store(), 'put/aborted')).toEqual([]);
    });

    test('aborted on its way leaves a whole object or none', async () => {
      for (let round = 0; round < 10; round++) {
        const key = `put/on-its-way-${round}`;
        const abort = new AbortController();
        const put = store().put(key, Buffer.alloc(4_000_000, 1), abort.signal);
        setTimeout(() => abort.abort(), round);
        const result = await put.then(
          () => 'stored',
          (error: TidemarkError) => error.code,
        );
        expect(['stored', 'operation_cancelled']).toContain(result);
        const found = await store()
          .stat(key)
          .then(
            ({ bytes }) => bytes,
            (error: TidemarkError) => error.code,
          );
        // Across a network, what was on its way may have arrived.
        const allowed = result === 'stored' ? [4_000_000] : [4_000_000, 'object_missing'];
        expect(allowed).toContain(found);
      }
    });

    test('succeeds again on a key that was deleted', async () => {
      await store().put('put/twice/key', Buffer.from('first'));
      await store().delete('put/twice/key');
      await store().put('put/twice/key', Buffer.from('second'));
      expect((await store().get('put/twice/key')).toString()).toBe('second');
    });
  });

  describe('replace', () => {
    test('creates an object, and puts another content in its place', async () => {
      await store().replace('replace/one', Buffer.from('a longer first content'));
      await store().replace('replace/one', Buffer.from('second'));
      expect((await store().get('replace/one')).toString()).toBe('second');
      expect(await store().stat('replace/one')).toMatchObject({ bytes: 6 });
    });

    test('never shows a reader a mix of two contents', async () => {
      const contents = [Buffer.alloc(300_000, 1), Buffer.alloc(200_000, 2), Buffer.alloc(400_000, 3)];
      const key = 'replace/mix';
      await store().replace(key, contents[0] ?? Buffer.alloc(0));
      const rounds = longRun ? 200 : 15;
      const end = new AbortController();
      const write = async (): Promise<void> => {
        for (let round = 0; round < rounds; round++) {
          for (const content of contents) await store().replace(key, content);
        }
        end.abort();
      };
      const readers = Array.from({ length: 3 }, async () => {
        const reader = await again();
        let seen = 0;
        while (!end.signal.aborted) {
          const found = await reader.get(key);
          expect(contents.some((content) => content.equals(found))).toBe(true);
          seen++;
        }
        return seen;
      });
      const [, ...seen] = await Promise.all([write(), ...readers]);
      expect(Math.min(...seen)).toBeGreaterThan(0);
    });
  });

  describe('delete', () => {
    test('takes all objects of a folder at once', async () => {
      for (let round = 0; round < (longRun ? 20 : 6); round += 1) {
        const keys = Array.from({ length: 16 }, (_, index) => `delete/all-${round}/deep/${index}`);
        await Promise.all(keys.map((key) => store().put(key, Buffer.from('x'))));
        await Promise.all(keys.map((key) => store().delete(key)));
        expect(await keysOf(store(), `delete/all-${round}/`)).toEqual([]);
      }
    });

    test('removes an object, and the ones beside it stay', async () => {
      await store().put('delete/a/one', Buffer.from('1'));
      await store().put('delete/a/two', Buffer.from('2'));
      await store().delete('delete/a/one');
      await expect(store().stat('delete/a/one')).rejects.toEqual(failure('object_missing'));
      expect(await keysOf(store(), 'delete/')).toEqual(['delete/a/two']);
    });

    test('of an object that is not there is no error', async () => {
      await store().delete('delete/none');
      await store().delete('never/was/here');
    });

    test('of the last object while others are put beside it loses none of them', async () => {
      for (let round = 0; round < 20; round++) {
        const folder = `delete/race-${round}/deep`;
        await store().put(`${folder}/old`, Buffer.from('old'));
        const other = await again();
        await Promise.all([store().delete(`${folder}/old`), other.put(`${folder}/new`, Buffer.from('new'))]);
        expect(await keysOf(store(), folder)).toEqual([`${folder}/new`]);
      }
    });
  });
}
