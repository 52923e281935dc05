import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { inRequest, withRequestIds } from '../../api/request-log.ts';
import { openApi } from './harness.ts';

test('every line of a request has its id, also after waits and beside other requests; others have none', async () => {
  const lines: object[] = [];
  const write = (fields: object): number => lines.push(fields);
  const log = withRequestIds({ info: write, warn: write, error: write });
  const work = async (name: string): Promise<void> => {
    log.info({ name, step: 1 }, '');
    await sleep(5);
    await Promise.all([1, 2].map(async () => sleep(2)));
    log.warn({ name, step: 2 }, '');
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
    log.error({ name, step: 3 }, '');
  };
  await Promise.all(['a', 'b', 'c'].map(async (id) => inRequest(id, async () => work(id))));
  log.info({ name: 'none' }, '');
  expect(lines).toHaveLength(10);
  for (const line of lines.slice(0, 9)) {
    const { name, request_id: id } = line as { name: string; request_id: string };
    expect(id).toBe(name);
  }
  expect(lines.at(-1)).toEqual({ name: 'none' });
});

test('an answer, its error object and its lines in the log have one id', async () => {
  const api = await openApi('away');
  try {
    await api.catalog.close();
    const answer = await api.ask('GET', '/services', { headers: { 'X-Request-Id': 'ticket-4711' } });
    expect([answer.status, answer.body['trace_id'], answer.headers.get('x-request-id')]).toEqual([
      503,
      'ticket-4711',
      'ticket-4711',
    ]);
    const told = api.log.filter(({ fields }) => fields['request_id'] === 'ticket-4711');
    expect(told.map(({ level }) => level).toSorted()).toEqual(['error', 'info']);
  } finally {
    await api.close();
  }
});
