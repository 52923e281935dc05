/** What is told of a storage that a process has looked at. */
import { expect, test } from '@jest/globals';
import { untilStorageUsable } from '../../embedded/storage.ts';
import type { ProcessSpec } from '../../embedded/supervisor.ts';

const never = new AbortController().signal;

/** A process that looks, as a line of a shell. */
function looking(script: string): ProcessSpec {
  return { program: 'sh', args: ['-c', script], environment: {} } as unknown as ProcessSpec;
}

test('a process that finds what does not pass ends the start in its own words', async () => {
  const ended = untilStorageUsable(
    looking('echo "No such bucket." >&2; exit 2'),
    60_000,
    () => undefined,
    never,
  );
  await expect(ended).rejects.toMatchObject({ code: 'invalid_setting', message: 'No such bucket.' });
});

test('one that is still waiting at the limit was waiting, whatever a library has warned of', async () => {
  const told: string[] = [];
  const waiting = looking('echo "A warning." >&2; echo "Waiting for it."; exec sleep 60');
  const ended = untilStorageUsable(waiting, 1_000, (line) => told.push(line), never);
  await expect(ended).rejects.toMatchObject({
    code: 'storage_unavailable',
    message: 'Waiting for it. It was waited for 1 s.',
  });
  expect(told).toEqual(['Waiting for it.']);
});
