/** The tree of commands: what each says of itself, and what is done with words that are wrong. */
import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { exitCodeMeanings, exitCodes } from '../../cli/exit-codes.ts';
import type { Io } from '../../cli/io.ts';
import { allNames, buildProgram } from '../../cli/program.ts';
import { run } from '../../cli/run.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { CommandLine, launcher } from '../support/command-line.ts';

/** A process that only remembers what was said. */
function fakeIo(env: NodeJS.ProcessEnv = {}): Io & { said: { out: string; err: string } } {
  const said = { out: '', err: '' };
  const stream = (key: 'out' | 'err'): NodeJS.WriteStream =>
    ({ write: (text: string) => (said[key] += text) !== '' }) as unknown as NodeJS.WriteStream;
  const { signal } = new AbortController();
  return {
    said,
    stdout: stream('out'),
    stderr: stream('err'),
    env: { HOME: '/nowhere', ...env },
    interrupted: signal,
  };
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

const program = await buildProgram(fakeIo(), { exitCode: 0 }, allNames());

test('every command has a summary, a description and examples', async () => {
  expect(leaves(program).length).toBeGreaterThan(20);
  for (const command of leaves(program)) {
    const io = fakeIo();
    const words: string[] = [];
    for (let at: Command | null = command; at !== null && at !== program; at = at.parent)
      words.unshift(at.name());
    expect({ words, code: await run([...words, '--help'], io) }).toEqual({ words, code: 0 });
    expect(command.description()).toMatch(/^[A-Z].+\.$/);
    expect(io.said.out).toContain(
      `\nExamples:\n  $ tidemark ${words.filter((word) => word !== 'list').join(' ')}`,
    );
  }
  for (const command of program.commands) expect(command.summary()).toMatch(/^[a-z].+[^.]$/);
});

test('no token can be given as an argument, where others would see it', () => {
  for (const command of leaves(program)) {
    const secret = command.options.filter(
      ({ long, flags }) => /token|key|credential|password/.test(long ?? '') && !/<file>/.test(flags),
    );
    expect(secret).toEqual([]);
  }
});

test('the help of the program tells every command and every exit code', async () => {
  const io = fakeIo();
  expect(await run(['--help'], io)).toBe(0);
  for (const name of allNames()) expect(io.said.out).toMatch(new RegExp(`^  ${name} +\\S`, 'm'));
  expect(exitCodeMeanings.map(([code]) => code)).toEqual(Object.values(exitCodes));
  for (const [code] of exitCodeMeanings) expect(io.said.out).toMatch(new RegExp(`^  ${code} +\\S`, 'm'));
});

test.each([
  [[], 'Usage: tidemark'],
  [['bakup'], "error: unknown command 'bakup'\n(Did you mean backup?)"],
  [['backup'], "error: missing required argument 'service_id'"],
  [['backups', '--statuss', 'x'], "error: unknown option '--statuss'"],
  [['backups', '--status', 'Gone'], 'Allowed choices are Scheduled, Running, Succeeded, Failed, Cancelled.'],
  [['backups', '--all', '--page', '2'], "option '--all' cannot be used with option '--page <number>'"],
  [['schedules', 'create', 's'], "error: required option '--schedule <cron>' not specified"],
  [['whoami', '--timeout', '0'], 'A number of seconds up to 3600 is needed.'],
  [['whoami', '--token-file', '/nowhere/token'], 'The file /nowhere/token (--token-file) cannot be read: '],
  [['whoami'], 'There is no token: set TIDEMARK_TOKEN'],
])('%j is wrong usage', async (words, expected) => {
  const io = fakeIo();
  expect(await run(words, io)).toBe(exitCodes.usage);
  expect(io.said.err).toContain(expected);
  expect(io.said.out).toBe('');
});

test('the options of the connection are taken before the command and after it', async () => {
  const env = { TIDEMARK_TOKEN: 't' };
  for (const words of [
    ['--url', 'nonsense', 'whoami'],
    ['whoami', '--url', 'nonsense'],
  ]) {
    const io = fakeIo(env);
    expect(await run(words, io)).toBe(exitCodes.usage);
    expect(io.said.err).toContain('--url is no address');
  }
});

test('the launcher runs through a link, from any folder, on a machine whose Node is not in the checkout', async () => {
  const tidemark = new CommandLine();
  const link = path.join(tidemark.home, 'tidemark');
  symlinkSync(launcher, link);
  const { status, stdout, stderr } = spawnSync(link, ['--version'], {
    cwd: tidemark.home,
    env: tidemark.env,
    encoding: 'utf8',
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${packageJson.version}\n`, stderr: '' });
  expect(path.resolve(packageJson.bin.tidemark)).toBe(launcher);
});
