import { createHash } from 'node:crypto';
import { open, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { failedStage, startPipeline, type Pipeline, type Stage } from '../../mariadb/processes/pipeline.ts';
import { processStart } from '../../mariadb/processes/record.ts';
import { testAttempt, type TestAttempt } from '../support/attempts.ts';
import { drain } from '../support/drain.ts';
import { longRun } from '../support/long.ts';

const sh = (script: string): Stage => ({ program: '/bin/sh', args: ['-c', script] });
const program = (name: string, ...args: string[]): Stage => ({ program: name, args });

const started: Pipeline[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((pipeline) => pipeline.end()));
});

async function start(
  stages: Stage[],
  options: Partial<Parameters<typeof startPipeline>[1]> = {},
): Promise<{ pipeline: Pipeline; attempt: TestAttempt }> {
  const attempt = await testAttempt();
  const pipeline = await startPipeline(stages, {
    folder: attempt.folder,
    signal: attempt.signal,
    ...options,
  });
  started.push(pipeline);
  return { pipeline, attempt };
}

async function recorded(attempt: TestAttempt): Promise<string[]> {
  // Made with the first of them.
  return await readdir(path.join(attempt.folder, 'processes')).catch(() => []);
}

async function outputOf(pipeline: Pipeline): Promise<string> {
  return pipeline.output ? text(pipeline.output) : '';
}

const alive = (pipeline: Pipeline): number =>
  pipeline.pids.filter((pid) => pid !== undefined && processStart(pid) !== undefined).length;

describe('joined programs', () => {
  test('hand every byte on', async () => {
    const bytes = (longRun ? 2048 : 256) * 1024 ** 2;
    const expected = createHash('sha256');
    const block = Buffer.alloc(1024 ** 2);
    for (let done = 0; done < bytes; done += block.length) expected.update(block);
    const { pipeline } = await start([
      program('head', '-c', String(bytes), '/dev/zero'),
      program('zstd', '-1', '-q', '-c'),
      program('zstd', '-d', '-q', '-c'),
      program('sha256sum'),
    ]);
    expect((await outputOf(pipeline)).split(' ')[0]).toBe(expected.digest('hex'));
    const results = await pipeline.finished;
    expect(results.map((result) => result.code)).toEqual([0, 0, 0, 0]);
  });

  test('hand on what a program writes before the next one has begun to read', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { pipeline } = await start([sh('seq 1 2000'), sh('sleep 0.01; cat'), program('wc', '-l')]);
      expect((await outputOf(pipeline)).trim()).toBe('2000');
    }
  });

  test('read what is written to the first of them', async () => {
    const attempt = await testAttempt();
    const file = path.join(attempt.folder, 'out');
    const { pipeline } = await start([program('cat'), sh(`cat > '${file}'`)], { input: 'pipe' });
    pipeline.input?.end('some words');
    const results = await pipeline.finished;
    expect(failedStage(results)).toBeUndefined();
    expect(await readFile(file, 'utf8')).toBe('some words');
  });

  test('are ended together when one in the middle fails, which is named as the reason', async () => {
    const { pipeline, attempt } = await start([
      program('cat', '/dev/zero'),
      sh('head -c 100000 > /dev/null; echo "cannot go on" >&2; exit 3'),
      program('cat'),
    ]);
    void drain(pipeline.output);
    const failed = failedStage(await pipeline.finished);
    expect(failed).toMatchObject({ program: '/bin/sh', code: 3, stderr: 'cannot go on\n' });
    expect(alive(pipeline)).toBe(0);
    expect(await recorded(attempt)).toEqual([]);
  });

  test.each([0, 1, 2])('do not hang when number %i is killed', async (victim) => {
    const { pipeline } = await start([program('cat', '/dev/zero'), program('cat'), program('cat')]);
    void drain(pipeline.output);
    await sleep(50);
    process.kill(pipeline.pids[victim] ?? 0, 'SIGKILL');
    expect(failedStage(await pipeline.finished)).toMatchObject({ signal: 'SIGKILL' });
    expect(alive(pipeline)).toBe(0);
  });

  test('end when the attempt is aborted, also those that ignore SIGINT', async () => {
    const { pipeline, attempt } = await start([
      sh('trap "" INT; echo deaf; sleep 600 & wait; sleep 600'),
      program('cat'),
    ]);
    // Only now it ignores what it is sent.
    for await (const chunk of pipeline.output ?? []) if (chunk.length > 0) break;
    attempt.abort();
    const results = await pipeline.finished;
    expect(results.map((result) => result.signal)).toEqual(['SIGKILL', 'SIGINT']);
    expect(alive(pipeline)).toBe(0);
    expect(await recorded(attempt)).toEqual([]);
  });

  test('leave the process alone when the reader dies while it is written to', async () => {
    const { pipeline } = await start([sh('head -c 10 > /dev/null')], { input: 'pipe' });
    const block = Buffer.alloc(1024 ** 2);
    for (let round = 0; round < 8; round += 1) pipeline.input?.write(block);
    expect((await pipeline.finished)[0]?.code).toBe(0);
  });

  test('are a tool_missing when one of them is not there, and the others are ended', async () => {
    const { pipeline } = await start([program('cat', '/dev/zero'), program('/nowhere/zstd'), program('cat')]);
    void drain(pipeline.output);
    const failed = failedStage(await pipeline.finished);
    expect(failed?.error).toMatchObject({ code: 'tool_missing' });
    expect(alive(pipeline)).toBe(0);
  });

  test.each([0, 1, 2])('are ended when the system refuses to start number %i', async (refused) => {
    const stages = [program('cat', '/dev/zero'), program('cat'), program('cat')];
    stages[refused] = program('cat', 'x'.repeat(8 * 1024 ** 2));
    const { pipeline, attempt } = await start(stages);
    void drain(pipeline.output);
    expect(failedStage(await pipeline.finished)?.error?.message).toContain('E2BIG');
    expect(alive(pipeline)).toBe(0);
    expect(await recorded(attempt)).toEqual([]);
  });

  test('find a further file as their descriptor 3', async () => {
    await using file = await open('/etc/passwd');
    const { pipeline } = await start([{ ...sh('cat <&3'), stdio3: file.fd }]);
    expect(await outputOf(pipeline)).toBe(await readFile('/etc/passwd', 'utf8'));
  });

  test('are heard line by line', async () => {
    const heard: string[] = [];
    const { pipeline } = await start([sh('echo one >&2; echo two >&2'), sh('cat; printf three >&2')], {
      onStderrLine: (line, stage) => heard.push(`${stage} ${line}`),
    });
    void drain(pipeline.output);
    await pipeline.finished;
    expect(heard.sort()).toEqual(['0 one', '0 two', '1 three']);
  });

  test('are ended by end(), any number of times, also when they have ended', async () => {
    const { pipeline } = await start([program('cat', '/dev/zero'), program('cat')]);
    await Promise.all([pipeline.end(), pipeline.end()]);
    expect(alive(pipeline)).toBe(0);
    await pipeline.end();
  });
});
