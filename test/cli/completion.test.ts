/** The completion of words: the scripts are ones that the shells take, and complete what there is. */
import { beforeAll, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { CommandLine } from '../support/command-line.ts';
import { testIf } from '../support/skip.ts';

const tidemark = new CommandLine();
let bash: string;
let zsh: string;

beforeAll(async () => {
  bash = path.join(tidemark.home, 'completion.bash');
  zsh = path.join(tidemark.home, '_tidemark');
  writeFileSync(bash, (await tidemark.run('completion', 'bash')).stdout);
  writeFileSync(zsh, (await tidemark.run('completion', 'zsh')).stdout);
});

const runs = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

test('bash takes its script', () => {
  const { status, stderr } = spawnSync('bash', ['-n', bash], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

testIf(runs('zsh'), 'there is no zsh on this machine')('zsh takes its script', () => {
  const { status, stderr } = spawnSync('zsh', ['-n', zsh], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

/** What bash would offer at the end of these words. */
function offered(...words: string[]): string[] {
  const script = `source '${bash}'; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tidemark; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = spawnSync('bash', ['-c', script, 'bash', 'tidemark', ...words], { encoding: 'utf8' });
  return stdout.split('\n').filter((word) => word !== '');
}

test.each([
  [['ba'], ['backup', 'backups']],
  [['schedules', 'up'], ['update']],
  [['--profile', 'backups', 'schedules', 'cr'], ['create']],
  [['backups', '--sta'], ['--status']],
  [
    ['backups', 'list', '--status', 'S'],
    ['Scheduled', 'Succeeded'],
  ],
  [
    ['restore', '--mode', ''],
    ['side-by-side', 'in-place'],
  ],
  [
    ['completion', ''],
    ['bash', 'zsh'],
  ],
  [['whoami', '--profile', ''], []],
  [['backups', 'get', ''], []],
])('after %j bash offers %j', (words, expected) => {
  expect(offered(...words)).toEqual(expected);
});

test('an option that takes a file is completed by the names of files', () => {
  expect(offered('whoami', '--token-file', path.join(tidemark.home, 'compl'))).toEqual([bash]);
});

testIf(runs('script'), 'there is no script(1) on this machine')(
  'a person who presses tab gets the word',
  () => {
    const typed = `source '${bash}'\ntidemark() { echo "called with: $*"; }\ntidemark sched\tup\t253\nexit\n`;
    const { stdout } = spawnSync('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], {
      input: typed,
      encoding: 'utf8',
      timeout: 120_000,
      env: { ...process.env, TERM: 'dumb', INPUTRC: '/dev/null' },
    });
    expect(stdout).toContain('called with: schedules update 253');
  },
);
