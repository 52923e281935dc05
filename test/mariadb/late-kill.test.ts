import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const room = path.resolve('mariadb/server/late-kill.ts');

/** @returns how a process ends in which nobody handles this rejection */
function endOf(reason: unknown): string | undefined {
  const code = `
    const { outliveLateKills } = await import(${JSON.stringify(room)});
    outliveLateKills();
    void Promise.reject(Object.assign(new Error('nobody looks'), ${JSON.stringify(reason)}));
    setTimeout(() => console.log('went on'), 100);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    encoding: 'utf8',
  });
  return /went on|nobody looks/.exec(stdout + stderr)?.[0];
}

test('a session that has ended before the connector kills it ends no process', () => {
  expect(endOf({ code: 'ER_NO_SUCH_THREAD', sql: 'KILL 122' })).toBe('went on');
});

test.each([{ code: 'ER_NO_SUCH_THREAD', sql: 'SHOW EXPLAIN FOR 122' }, { code: 'ER_NO_SUCH_TABLE' }, {}])(
  'any other rejection that nobody handles does: %j',
  (reason) => expect(endOf(reason)).toBe('nobody looks'),
);
