/** The recovery window, and the points in time that clients look up, from what followers reported. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ServiceRecord } from '../../catalog/types.ts';
import type { FollowReport } from '../../domain/archive/facts.ts';
import { fileBytes, fileName, gtidAt, instantAt, report, segment } from '../catalog/archive-records.ts';
import { type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';

let api: Harness;
const timeline = 'a'.repeat(32);

beforeAll(async () => {
  api = await openApi('there');
});
afterAll(async () => {
  await api.close();
});

let services = 0;

async function newService(): Promise<ServiceRecord> {
  services += 1;
  const service = serviceRecord({ serviceId: `windowed-${services}`, serviceName: `Windowed ${services}` });
  await api.catalog.upsertService(service);
  return service;
}

/** A full that was taken when the binlog was at `position` of a file. */
async function fullAt(service: ServiceRecord, number: number, position: number): Promise<string> {
  const { id } = await succeededBackup(api.catalog, service, String(number % 10), {
    pointInTime: instantAt(number, position),
    binlog: { file: fileName(number), position, gtid: gtidAt(number, position) },
    timeline,
    uncompressedBytes: 1_000_000_000,
  });
  return id;
}

/** Files of the binlog, whole, archived. */
async function archive(
  service: ServiceRecord,
  files: readonly number[],
  values: Partial<FollowReport> = {},
): Promise<void> {
  const segments = files.map((number) => segment(timeline, number, [0, fileBytes]));
  await api.catalog.recordArchive(service.serviceId, report(timeline, { segments, ...values }));
}

async function windowOf({ serviceId }: ServiceRecord): Promise<Record<string, unknown>> {
  const answer = await api.ask('GET', `/services/${serviceId}/recovery-window`);
  expect(answer.status).toBe(200);
  return answer.body;
}

/** As the API writes it. */
function shown(number: number, position: number): string {
  return instantAt(number, position).replace(/\.?0*Z$/, 'Z');
}

describe('GET /services/{id}/recovery-window', () => {
  test('a service without backups has none', async () => {
    const service = await newService();
    expect(await windowOf(service)).toEqual({ service_id: service.serviceId, intervals: [], holes: [] });
  });

  test('a backup without archived binlogs can be had at its own instant alone', async () => {
    const service = await newService();
    const id = await fullAt(service, 1, 5_000);
    expect(await windowOf(service)).toMatchObject({
      intervals: [
        { start_time: shown(1, 5_000), end_time: shown(1, 5_000), chain: [id], estimated_seconds: 20 },
      ],
    });
  });

  test('from a backup on, everything that is archived can be had', async () => {
    const service = await newService();
    const id = await fullAt(service, 1, 5_000);
    await archive(service, [1, 2, 3]);
    expect(await windowOf(service)).toEqual({
      service_id: service.serviceId,
      intervals: [
        {
          start_time: shown(1, 5_000),
          end_time: shown(3, fileBytes),
          start_gtid: '0-1-5',
          end_gtid: '0-1-3000',
          timeline,
          current: true,
          resolution: 'commit_clock',
          event_time: [],
          chain: [id],
          estimated_seconds: 23,
        },
      ],
      holes: [],
    });
  });

  test('a hole stands between what can be had, until a backup after it', async () => {
    const service = await newService();
    const first = await fullAt(service, 1, 5_000);
    const second = await fullAt(service, 4, 500_000);
    await archive(service, [1, 3, 4], {
      holes: [
        {
          timeline,
          from: { file: fileName(1), position: fileBytes, gtid: gtidAt(1, fileBytes) },
          to: { file: fileName(3), position: 0, gtid: gtidAt(3, 0) },
          fromTime: instantAt(1, fileBytes),
          toTime: instantAt(3, 0),
          cause: 'purged',
          message: 'The server purged binlog.000002 before it was archived.',
          foundAt: instantAt(3, 5),
        },
      ],
    });
    expect(await windowOf(service)).toMatchObject({
      intervals: [
        { start_time: shown(1, 5_000), end_time: shown(1, fileBytes), chain: [first] },
        { start_time: shown(4, 500_000), end_time: shown(4, fileBytes), chain: [second] },
      ],
      holes: [
        { start_time: shown(1, fileBytes), end_time: shown(3, 0), cause: 'purged' },
        { start_time: shown(3, 0), end_time: shown(4, 500_000), cause: 'no_backup' },
      ],
    });
  });

  test('it ends as late as the follower knows that everything is archived', async () => {
    const service = await newService();
    await fullAt(service, 1, 5_000);
    const { state } = report(timeline, { segments: [segment(timeline, 1, [0, fileBytes])] });
    await archive(service, [1], { state: { ...state, archivedTime: instantAt(2, 1_234.567) } });
    expect(await windowOf(service)).toMatchObject({ intervals: [{ end_time: shown(2, 1_234.567) }] });
  });

  test('of another organization it is not told', async () => {
    const { serviceId } = await newService();
    const answer = await api.ask('GET', `/services/${serviceId}/recovery-window`, { token: tokens.stranger });
    expect([answer.status, answer.errors]).toEqual([404, ['service_not_found']]);
  });
});

describe('GET /restores/pointintime/lookup', () => {
  const lookUp = async (token?: string): Promise<unknown> => {
    const answer = await api.ask('GET', '/restores/pointintime/lookup', token === undefined ? {} : { token });
    expect(answer.status).toBe(200);
    return answer.body['services'];
  };

  test('has the newest unbroken interval of each service that has one', async () => {
    const service = await newService();
    await fullAt(service, 1, 5_000);
    await fullAt(service, 4, 500_500);
    await archive(service, [1, 2, 4]);
    const alone = await newService();
    await fullAt(alone, 1, 5_000);
    const found = (await lookUp()) as { service_id: string }[];
    expect(found.filter(({ service_id: id }) => id === alone.serviceId)).toEqual([]);
    expect(found.find(({ service_id: id }) => id === service.serviceId)).toEqual({
      service_id: service.serviceId,
      service_name: service.serviceName,
      // The instant of a backup is a whole second; here it lies between two.
      start_time: shown(4, 501_000),
      end_time: shown(4, fileBytes),
    });
    expect(await lookUp(tokens.stranger)).toEqual([]);
  });
});
