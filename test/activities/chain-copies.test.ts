/** An incremental is copied where what it builds on is, and nowhere before. */
import { expect, test } from '@jest/globals';
import { followable } from '../../activities/control/copies.ts';
import type { Catalog } from '../../catalog/types.ts';

const locations = ['s3://a', 'gs://b', 'file:///c'];

function catalogWith(
  parentBackup: string,
  copies: Record<string, string>,
): Pick<Catalog, 'findBackup' | 'findCopies'> {
  const records = Object.entries(copies).map(([location, status]) => ({ location, status }));
  return {
    findBackup: () => Promise.resolve({ parentBackup }),
    findCopies: () => Promise.resolve(new Map([[parentBackup, records]])),
  } as unknown as Catalog;
}

async function placesFor(parent: string, copies: Record<string, string>): Promise<string[]> {
  return await followable({ catalog: catalogWith(parent, copies) as Catalog }, 'x:y:z', locations);
}

test('a full goes everywhere, an incremental where the copy of its parent is whole', async () => {
  expect(await placesFor('', {})).toEqual(locations);
  const parent = 'p:y:z';
  expect(await placesFor(parent, { 's3://a': 'Succeeded', 'gs://b': 'Failed' })).toEqual(['s3://a']);
  expect(await placesFor(parent, { 's3://a': 'Running' })).toEqual([]);
});
