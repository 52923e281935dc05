/** Work that moves no byte any more is ended, whether it is known how many there are or not. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { attempt } from '../../activities/host/attempt.ts';
import { backupActivities } from '../../activities/host/backup.ts';
import type { Host } from '../../activities/host/host.ts';
import { type Progress, measure, startOf } from '../../domain/progress.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { runActivity } from '../support/activity.ts';
import { openHost } from '../support/host.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import { runFolder } from '../support/run.ts';

const stallMs = 1_500;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(runFolder(), 'stalled-'));
});

async function hostOf(server: Record<string, unknown>): Promise<Host> {
  return await openHost({
    service_id: 'stall-1',
    state_directory: path.join(folder, 'state'),
    storage: `file://${path.join(folder, 'storage')}`,
    stall_timeout: `${stallMs}ms`,
    server,
  });
}

describe('an attempt', () => {
  /** Reports every 100 ms for three times as long as nothing may move. */
  async function working(report: (trial: Attempt, round: number) => void): Promise<Progress> {
    const host = await hostOf({ defaults_file: '/etc/my.cnf' });
    const { result, heartbeats } = runActivity(() =>
      attempt(host, { operation: 'backup-1', phase: 'copying' }, async (trial) => {
        for (let round = 0; round < (3 * stallMs) / 100; round += 1) {
          report(trial, round);
          await sleep(100, undefined, { signal: trial.signal }).catch(() => undefined);
          trial.signal.throwIfAborted();
        }
      }),
    );
    await result;
    return heartbeats.at(-1) as Progress;
  }
  const stalled = { code: 'operation_stalled', message: 'Nothing moved in phase "copying" for 2 s.' };

  test('that stops moving is ended, its total known or not', async () => {
    const known = working(({ report }) => report(measure('copying', 100, 1_000, 1)));
    await expect(known).rejects.toMatchObject(stalled);
    const unknown = working(({ report }) => report(startOf('copying'), 100));
    await expect(unknown).rejects.toMatchObject(stalled);
    const nothingYet = working(({ report }) => report(startOf('copying'), 0));
    await expect(nothingYet).rejects.toMatchObject(stalled);
  });

  test('that moves goes on, and shows no bytes while it knows no total', async () => {
    const shown = await working(({ report }, round) => report(startOf('copying'), round));
    expect(shown).toEqual(startOf('copying'));
    const found = await working(({ report }, round) => report(measure('copying', round, 1_000, 1), round));
    expect(found.bytesDone).toBeGreaterThan(20);
  });

  test('that waits for an earlier one hears that it is called off, and leaves the earlier one known', async () => {
    const host = await hostOf({ defaults_file: '/etc/my.cnf' });
    const { promise: hanging, resolve: end } = Promise.withResolvers<void>();
    const options = { operation: 'restore-1', phase: 'cutting_over' as const, uninterruptible: true };
    const earlier = runActivity(() => attempt(host, options, () => hanging));
    while (host.attempts.size === 0) await sleep(10);
    const known = host.attempts.get('restore-1');
    const calledOff = AbortSignal.timeout(200);
    const later = runActivity(() => attempt(host, options, async () => undefined), calledOff);
    await expect(later.result).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(host.attempts.get('restore-1')).toBe(known);
    end();
    await earlier.result;
    expect(host.attempts.size).toBe(0);
  });

  test('that counts no bytes may take as long as it takes', async () => {
    await expect(working(({ report }) => report(startOf('copying')))).resolves.toEqual(startOf('copying'));
  });
});

describe('a backup of unknown size', () => {
  let server: TestServer;
  afterEach(() => server.remove());

  /** A tool that says it is the real one, streams 2 MB and hangs. */
  async function hangingTool(): Promise<string> {
    const { stdout, stderr } = await promisify(execFile)('mariadb-backup', ['--version']);
    const programs = path.join(folder, 'programs');
    await mkdir(programs);
    const script = [
      '#!/bin/sh',
      `[ "$1" = --version ] && { echo '${(stdout + stderr).trim().split('\n').at(-1)}' >&2; exit; }`,
      'head -c 2000000 /dev/urandom',
      'exec sleep 600',
    ];
    await writeFile(path.join(programs, 'mariadb-backup'), `${script.join('\n')}\n`);
    await chmod(path.join(programs, 'mariadb-backup'), 0o755);
    return programs;
  }

  test('is ended where it hangs, and leaves no part and no process', async () => {
    server = await startTestServer({ name: 'stall' });
    // An option file by which the data is elsewhere: nothing there can be added up.
    const elsewhere = path.join(folder, 'elsewhere');
    await mkdir(elsewhere);
    const defaultsFile = path.join(folder, 'my.cnf');
    await writeFile(defaultsFile, `[mariadbd]\ndatadir=${elsewhere}\nsocket=${server.socket}\n`);
    const host = await hostOf({
      defaults_file: defaultsFile,
      client_file: server.settings.client_file,
      programs: await hangingTool(),
    });
    const order = {
      backupId: `${'0a'.repeat(16)}:stall-1:stall-1`,
      serviceId: 'stall-1',
      workflowId: 'backup/of-a-test',
      deploymentId: 'a-deployment',
    };
    const giveUp = AbortSignal.timeout(180_000);
    const { result, heartbeats } = runActivity(() => backupActivities(host).takeBackup(order), giveUp);
    await expect(result).rejects.toMatchObject({ code: 'operation_stalled' });
    expect(heartbeats.at(-1)).toEqual(startOf('copying'));
    const cleanUp = runActivity(() => backupActivities(host).cleanUpBackup(order));
    expect(await cleanUp.result).toBeNull();
    const left = await readdir(path.join(folder, 'storage'), { recursive: true });
    expect(left.filter((name) => name.includes('part-'))).toEqual([]);
    const { stdout } = await promisify(execFile)('ps', ['-eo', 'args']);
    expect(stdout).not.toContain(folder);
  });
});
