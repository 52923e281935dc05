/** Archived binlogs that are let go: out of the catalog at once, and known until their objects are gone. */
import { expect, test } from '@jest/globals';
import { neededBinlogs } from '../../domain/archive/pruning.ts';
import type { HoleFacts, TimelineFacts } from '../../domain/archive/facts.ts';
import type { BackupRecord, ServiceRecord } from '../../catalog/types.ts';
import { fileBytes, fileName, gtidAt, instantAt, report, segment } from './archive-records.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, newBackupId, orderBackup, registered } from './records.ts';

const line = '1'.repeat(32);
const first: TimelineFacts = {
  id: line,
  begins: { file: fileName(1), position: 0, gtid: '' },
  cause: 'first',
  createdAt: instantAt(1, 0),
};

function hole(from: number): HoleFacts {
  return {
    timeline: line,
    from: { file: fileName(from), position: 0, gtid: gtidAt(from, 0) },
    to: { file: fileName(from), position: 10, gtid: gtidAt(from, 10) },
    fromTime: instantAt(from, 0),
    toTime: instantAt(from, 10),
    cause: 'purged',
    message: 'It was purged.',
    foundAt: instantAt(from, 10),
  };
}

describeOnBoth('archived binlogs that nobody needs', (database) => {
  /** With binlogs 1 to 5, each in two segments. */
  const archived = async (): Promise<ServiceRecord> => {
    const service = await registered(database.catalog);
    const segments = [1, 2, 3, 4, 5].flatMap((number) => [
      segment(line, number, [0, 400_000]),
      segment(line, number, [400_000, fileBytes]),
    ]);
    const holes = [hole(2), hole(4)];
    await database.catalog.recordArchive(
      service.serviceId,
      report(line, { timelines: [first], segments, holes }),
    );
    return service;
  };
  const standing = async (service: ServiceRecord, number: number): Promise<BackupRecord> => {
    const { backup, workflowId } = await orderBackup(database.catalog, service, newBackupId(service));
    await database.catalog.updateBackup(backup.id, {
      status: 'Succeeded',
      binlog: { file: fileName(number), position: 5000, gtid: gtidAt(number, 5000) },
      timeline: line,
    });
    await database.catalog.releasePlace(workflowId);
    return backup;
  };
  const filesOf = async ({ serviceId }: ServiceRecord): Promise<string[]> => {
    const all = await database.catalog.segmentsFrom(
      serviceId,
      { timeline: line, file: fileName(1), position: 0 },
      99,
    );
    return [...new Set(all.map(({ file }) => file))];
  };

  test('go file by file, with their stretch and their holes, and are known until that is finished', async () => {
    const { catalog } = database;
    const service = await archived();
    const { serviceId } = service;
    await standing(service, 3);
    await standing(service, 4);
    const facts = await catalog.pruningFacts(serviceId);
    expect(facts).toMatchObject({ unfinished: false, followed: { timeline: line, file: fileName(5) } });
    const files = [1, 2].map((number) => ({
      timeline: line,
      file: fileName(number),
      segments: 2,
      storedBytes: fileBytes / 4,
    }));
    expect(await catalog.unneededFiles(serviceId, neededBinlogs(facts), 10)).toEqual(files);

    const [begun, ...others] = await catalog.beginPrunings(serviceId, neededBinlogs, 1);
    expect([begun, others]).toEqual([{ serviceId, ...files[0], beganAt: expect.any(String) as unknown }, []]);
    expect(await catalog.beginPrunings(serviceId, neededBinlogs, 10)).toMatchObject([files[1]]);
    expect(await catalog.beginPrunings(serviceId, neededBinlogs, 10)).toEqual([]);
    expect(await filesOf(service)).toEqual([3, 4, 5].map(fileName));
    const { stretches, holes } = await catalog.archiveFacts(serviceId);
    expect(stretches).toMatchObject([
      { fromFile: fileName(3), fromPosition: 0, toFile: fileName(5), segments: 6 },
    ]);
    expect(holes.map(({ from }) => from.file)).toEqual([fileName(4)]);

    const pending = async (): Promise<string[]> =>
      (await catalog.listPrunings()).filter((one) => one.serviceId === serviceId).map(({ file }) => file);
    expect(await pending()).toEqual([fileName(1), fileName(2)]);
    if (begun) await catalog.finishPruning(begun);
    expect(await pending()).toEqual([fileName(2)]);
  });

  test('are not taken up again while their objects go, whoever finds those', async () => {
    const { catalog } = database;
    const service = await archived();
    const { serviceId } = service;
    await standing(service, 3);
    const [pruning] = await catalog.beginPrunings(serviceId, neededBinlogs, 1);
    expect(pruning?.file).toBe(fileName(1));
    const found = [1, 3].map((number) => segment(line, number, [0, fileBytes]));
    await catalog.recordArchive(serviceId, report(line, { segments: found }));
    expect(await filesOf(service)).not.toContain(fileName(1));
    await catalog.finishPruning(pruning!);
    await catalog.recordArchive(serviceId, report(line, { segments: found }));
    expect(await filesOf(service)).toContain(fileName(1));
  });

  test('stay while a backup is under way', async () => {
    const { catalog } = database;
    const service = await archived();
    await standing(service, 5);
    const { backup } = await orderBackup(catalog, service, newBackupId(service));
    expect(await catalog.beginPrunings(service.serviceId, neededBinlogs, 10)).toEqual([]);
    await catalog.updateBackup(backup.id, { status: 'Failed', message: 'It failed.' });
    expect(await catalog.beginPrunings(service.serviceId, neededBinlogs, 10)).toHaveLength(4);
  });

  test('take along what stands for them alone', async () => {
    const { catalog } = database;
    const service = await archived();
    const { organization, serviceId } = service;
    const binlogBackup = async (number: number): Promise<string> => {
      const backupId = newBackupId(service);
      const order = { organization, service, type: 'binarylog' as const, backupId, message: 'Ordered.' };
      await catalog.createOneTimeBackup({ ...order, workflowId: () => `backup/${backupId}` });
      const binlog = { file: fileName(number), position: 5000, gtid: gtidAt(number, 5000) };
      await catalog.updateBackup(backupId, { status: 'Succeeded', binlog });
      return backupId;
    };
    const [gone, kept] = [await binlogBackup(2), await binlogBackup(4)];
    await standing(service, 3);
    // A plain one that knows no binlog is nobody's base, and none of these.
    await finishedBackup(catalog, service);
    await catalog.beginPrunings(serviceId, neededBinlogs, 10);
    expect(await catalog.findBackup(gone)).toBeUndefined();
    expect(await catalog.findBackup(kept)).toBeDefined();
    const removals = (await catalog.listRemovals()).filter((one) => one.serviceId === serviceId);
    expect(removals).toMatchObject([
      { backupId: gone, reason: expect.stringContaining('binlogs') as unknown },
    ]);
  });
});
