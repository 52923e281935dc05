/** What is taken into the catalog of a follower's reports, and how long it is waited for that. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { archiveActivities } from '../../activities/control/archive.ts';
import { readReports } from '../../activities/control/follow-reports.ts';
import type { AgentRecord } from '../../catalog/agent-types.ts';
import type { Catalog, ServiceRecord } from '../../catalog/types.ts';
import type { FollowReport } from '../../domain/archive/facts.ts';
import type { ToldReport } from '../../domain/archive/following.ts';
import { newAgentKeys, publicSigningKey, signAnnouncement, signReport } from '../../domain/enrolment.ts';
import { workflowIds } from '../../domain/ids.ts';
import type { Announcement } from '../../domain/operations.ts';
import { fileName, gtidAt, instantAt, report, segment } from '../catalog/archive-records.ts';
import { newService } from '../catalog/records.ts';
import { type Folder, newFolder } from '../storage/support.ts';
import { runActivity } from '../support/activity.ts';
import { type Deployment, openDeployment, storedBackup } from './expired.ts';

const line = '1'.repeat(32);
const keys = newAgentKeys();
const speaker = { serviceId: 'db-1', agentId: 'agent-1', session: 's-1', after: 3 };

function told(sequence: number, values: Partial<ToldReport> = {}): ToldReport {
  const content = report(line, { segments: [segment(line, 1, [0, 1000])] });
  return { workflowId: workflowIds.follow('db-1'), session: 's-1', sequence, report: content, ...values };
}

function withReport(values: object): ToldReport {
  const one = told(4);
  return { ...one, report: { ...one.report, ...values } };
}

describe('a report', () => {
  let lines: string[];
  const read = async (...reports: unknown[]): Promise<number[]> => {
    const note = (fields: object, message: string): void =>
      void lines.push(`${message} ${JSON.stringify(fields)}`);
    const log = { debug: note, info: note, warn: note, error: note };
    const agent = { signingKey: publicSigningKey(keys.signingKey) } as AgentRecord;
    const findAgent = async (id: string): Promise<AgentRecord | undefined> =>
      id === 'agent-1' ? agent : undefined;
    const taken = await readReports({ catalog: { findAgent } as Catalog, log }, reports, speaker);
    return taken.map(({ sequence }) => sequence);
  };
  const signed = (one: unknown): unknown => signReport(one as ToldReport, keys.signingKey);
  beforeEach(() => {
    lines = [];
  });

  test('is taken as its agent signed it, each once and in its order', async () => {
    const [four, five, seven] = [4, 5, 7].map((sequence) => signed(told(sequence)));
    expect(await read(signed(told(3)), four, five, five, seven, five)).toEqual([4, 5, 7]);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain('came too late, or again');
  });

  test('of a follower that has all there can be to tell is taken', async () => {
    const { from, ...place } = { timeline: line, from: { file: fileName(1), position: 5, gtid: '' } };
    const all: FollowReport = {
      timelines: [
        {
          id: line,
          parent: '2'.repeat(32),
          branch: { file: fileName(1), position: 5, gtid: gtidAt(1, 5000) },
          branchTime: instantAt(1, 0),
          begins: from,
          cause: 'restore',
          createdAt: instantAt(1, 0),
        },
      ],
      segments: [
        segment(line, 1, [0, 1000], { unsampled: [{ from: instantAt(1, 0), to: instantAt(1, 9) }] }),
      ],
      joined: [{ ...place, file: fileName(1), start: 0, end: 10 }],
      holes: [
        {
          ...place,
          from,
          to: from,
          fromTime: instantAt(1, 0),
          toTime: instantAt(1, 1),
          cause: 'purged',
          message: 'x',
          foundAt: instantAt(1, 1),
        },
      ],
      state: {
        timeline: '',
        archived: from,
        archivedTime: instantAt(1, 0),
        server: { file: fileName(1), position: 7 },
        lookedAt: instantAt(1, 0),
        lagBytes: 2,
        spoolBytes: 4096,
        trouble: 'The store is away.',
      },
    };
    expect(await read(signed(told(4, { report: all })))).toEqual([4]);
  });

  test.each<[string, unknown]>([
    ['not signed', told(4).report],
    ['signed by another', signReport(told(4), newAgentKeys().signingKey)],
    ['changed', { ...signReport(told(4), keys.signingKey), report: JSON.stringify(told(5)) }],
    ['signed as an announcement', announcement()],
    ['no text', { report: 7, signature: '' }],
    ['nothing', null],
    ['of another service', signed(told(4, { workflowId: workflowIds.follow('db-2') }))],
    ['of another order', signed(told(4, { session: 's-0' }))],
    ['without a number', signed({ ...told(4), sequence: undefined })],
    ['with no segment', signed(withReport({ segments: [null] }))],
    [
      'with a file that is a path',
      signed(withReport({ joined: [{ timeline: line, file: '../x', start: 0, end: 1 }] })),
    ],
    ['with a state that is none', signed(withReport({ state: { archived: { file: 'x' } } }))],
    ['with a time that is none', signed(withReport({ holes: [{ timeline: line, foundAt: 'now' }] }))],
  ])('that is %s is left out and logged, and the next one is taken', async (_what, content) => {
    expect(await read(content, signed(told(9)))).toEqual([9]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"service":"db-1"');
  });
});

/** With the fields of a report's signature. */
function announcement(): unknown {
  const { announcement: text, signature } = signAnnouncement(
    told(4) as unknown as Announcement,
    keys.signingKey,
  );
  return { report: text, signature };
}

describe('waiting until the catalog has what was shipped', () => {
  let folder: Folder;
  let deployment: Deployment;
  let service: ServiceRecord;
  const { state } = report(line, { segments: [segment(line, 2, [0, 500_000])] });

  beforeEach(async () => {
    folder = await newFolder();
    deployment = await openDeployment(folder.path);
    service = newService({ organization: 'acme' });
    await deployment.catalog.upsertService(service);
    await deployment.catalog.updateServiceSettings(service.serviceId, { binlog: { archive: true } });
    const binlog = { file: fileName(1), position: 10, gtid: '' };
    await storedBackup(deployment, service, 0, undefined, { binlog });
  });
  afterEach(async () => {
    await deployment.close();
    await folder.remove();
  });

  const waiting = (signal?: AbortSignal): Promise<void> => {
    const { awaitArchived } = archiveActivities(deployment.plane);
    const { serviceId } = service;
    return runActivity(() => awaitArchived({ serviceId, reached: state }), signal).result;
  };
  const record = async (start: number, end: number, other: Partial<FollowReport> = {}): Promise<void> => {
    const segments = [segment(line, 2, [start, end])];
    await deployment.catalog.recordArchive(service.serviceId, report(line, { segments, ...other }));
  };

  test('ends with the segments, also where the follower stands elsewhere by then', async () => {
    const ended = { now: false };
    const all = waiting().then(() => {
      ended.now = true;
    });
    await record(0, 400_000);
    // The state alone says nothing: it may be of before a restore, or of a clock that was put back.
    await deployment.catalog.recordArchive(service.serviceId, { ...report(line), state });
    expect(ended.now).toBe(false);
    const elsewhere = {
      ...state,
      timeline: '2'.repeat(32),
      archived: { ...state.archived, file: fileName(1) },
    };
    await record(400_000, 600_000, { state: elsewhere });
    await all;
  });

  test('ends with a reason where nothing is followed any more', async () => {
    const ended = expect(waiting()).rejects.toMatchObject({
      code: 'binlog_not_archived',
      message: expect.stringContaining('switched off') as unknown,
    });
    await deployment.catalog.updateServiceSettings(service.serviceId, { binlog: { archive: false } });
    await ended;
  });
});
