/** What the API can do, the command line can do, but for what is not meant for a person. */
import { expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { operations } from '../../api/operations/index.ts';
import { serviceSettingsRequest } from '../../api/schemas/service-settings.ts';
import { changeOf } from '../../cli/commands/update-service.ts';
import { allNames, buildProgram } from '../../cli/program.ts';

/** The command for each operation; in brackets, why there is none. */
const commandOf: Record<string, string> = {
  listBackups: 'backups list',
  getBackups: 'backups get',
  getBackupStatus: '(backups list --service-id is the same list)',
  deleteBackup: 'backups delete',
  verifyBackup: 'backups verify',
  getVerification: 'backups verification',
  createSchedule: 'schedules create',
  listSchedules: 'schedules list',
  getSchedule: 'schedules get',
  updateSchedule: 'schedules update',
  deleteSchedule: 'schedules delete',
  createRestore: 'restore',
  listRestores: 'restores list',
  lookupRestore: 'restores lookup',
  lookupPointsInTime: 'restores pointintime',
  getRestore: 'restores get',
  getRestoreEvents: '(watch asks for the restore itself, which works through every proxy)',
  deleteRestore: 'restores delete',
  cancelRestore: 'restores cancel',
  undoRestore: 'restores undo',
  listServices: 'services list',
  getService: 'services get',
  updateService: 'services update',
  getRetention: 'services retention',
  getBinlog: '(npm run agent -- binlog FILE writes it as the server wrote it)',
  getRecoveryWindow: 'services window',
  listProofs: 'services proofs',
  createProof: 'services prove',
  listTransactions: 'services transactions',
  listAgents: 'agents list',
  createAgent: 'agents enroll',
  revokeAgent: 'agents revoke',
  whoAmI: 'whoami',
  listAudit: 'audit',
};

function pathsOf(command: Command, before: readonly string[] = []): string[] {
  return command.commands.flatMap((inner) => {
    const words = [...before, inner.name()];
    return inner.commands.length === 0 ? [words.join(' ')] : pathsOf(inner, words);
  });
}

test('every operation of the API has its command', async () => {
  expect(Object.keys(commandOf).toSorted()).toEqual(operations.map(({ name }) => name).toSorted());
  const io = {
    stdout: process.stdout,
    stderr: process.stderr,
    env: {},
    interrupted: new AbortController().signal,
  };
  const paths = pathsOf(await buildProgram(io, { exitCode: 0 }, allNames()));
  const named = Object.values(commandOf).filter((command) => !command.startsWith('('));
  expect(paths).toEqual(expect.arrayContaining(named));
  // These ask several operations, or none.
  const others = paths.filter(
    (path) => !named.includes(path) && !/^(keys|sealing-key|catalog|binlog) /.test(path),
  );
  expect(others.toSorted()).toEqual(['backup', 'completion', 'watch']);
});

test('every setting of a service can be changed by an option, in the form that the API takes', () => {
  const change = changeOf({
    retentionDays: 30,
    keep: ['weekly=5'],
    minFulls: 2,
    nightlyHour: 3,
    nightlyMinute: 15,
    recipient: ['none'],
    copy: ['default'],
    incrementalBase: 'full',
    maxChain: 7,
    maxShare: 'default',
    binlogArchive: 'true',
    binlogInterval: '30s',
    fullAfterHole: 'false',
    dumpInclude: ['shop'],
    dumpExclude: ['none'],
    keepPrevious: '24h',
    drill: 'off',
  });
  const taken = serviceSettingsRequest.parse(change);
  expect(Object.keys(taken).toSorted()).toEqual(Object.keys(serviceSettingsRequest.shape).toSorted());
  expect(taken).toMatchObject({
    chain: { incremental_base: 'full', max_chain: 7, max_share: 'default' },
    binlog: { archive: true, interval: '30s', full_after_hole: false },
    dump: { include: ['shop'], exclude: [] },
    keep_previous: '24h',
  });
  expect(changeOf({ binlogArchive: 'perhaps' })).toEqual({ binlog: { archive: 'perhaps' } });
});
