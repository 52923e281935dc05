/** Which segments a list of transactions is read from, and what the agent that reads them answers. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ServiceRecord } from '../../catalog/types.ts';
import type { FollowReport } from '../../domain/archive/facts.ts';
import type { ListedPart, TransactionPage, TransactionsOrder } from '../../domain/archive/transactions.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { agentTaskQueue } from '../../domain/ids.ts';
import { failureOf } from '../../workflows/failures.ts';
import { fileBytes, fileName, gtidAt, instantAt, report, segment } from '../catalog/archive-records.ts';
import { type Answer, type Harness, openApi, serviceRecord, tokens } from './harness.ts';
import { openWorkers, type Workers } from './workers.ts';

let api: Harness;
let workers: Workers;
const timeline = 'a'.repeat(32);
const child = 'b'.repeat(32);

beforeAll(async () => {
  api = await openApi('there');
  workers = await openWorkers(api.namespace);
});
afterAll(async () => {
  await workers.close();
  await api.close();
});

let services = 0;

async function newService(): Promise<ServiceRecord> {
  services += 1;
  const service = serviceRecord({
    serviceId: `listed-${services}`,
    serviceName: `Listed ${services}`,
    agentId: String(services).padStart(32, '0'),
  });
  await api.catalog.upsertService(service);
  return service;
}

async function archive({ serviceId }: ServiceRecord, values: Partial<FollowReport>): Promise<void> {
  await api.catalog.recordArchive(serviceId, report(timeline, values));
}

const list = async ({ serviceId }: ServiceRecord, query: Record<string, string> = {}): Promise<Answer> =>
  await api.ask('GET', `/services/${serviceId}/transactions?${new URLSearchParams(query).toString()}`);

/** What the agent is asked for, and what comes of its answer. */
async function answered(
  service: ServiceRecord,
  query: Record<string, string>,
  page: TransactionPage = { transactions: [], ended: false },
): Promise<{ order: TransactionsOrder | undefined; answer: Answer }> {
  let order: TransactionsOrder | undefined;
  const readTransactions = (asked: TransactionsOrder): Promise<TransactionPage> => {
    order = asked;
    return Promise.resolve(page);
  };
  const answer = await asking(service, { readTransactions }, () => list(service, query));
  return { order, answer };
}

/** Asks again where the agent of the test has not begun to take questions in the time that one waits for it. */
async function asking(
  { agentId }: ServiceRecord,
  activities: Record<string, (...asked: never[]) => Promise<unknown>>,
  work: () => Promise<Answer>,
): Promise<Answer> {
  return await workers.during('tidemark', undefined, async () =>
    workers.during(agentTaskQueue(agentId, 'control'), activities, async () => {
      for (let tries = 1; ; tries += 1) {
        const answer = await work();
        if (tries === 10 || !answer.errors.includes('agent_unavailable')) return answer;
      }
    }),
  );
}

const spans = (parts: readonly ListedPart[] | undefined): unknown[] =>
  (parts ?? []).map(({ timeline: of, segments }) => [
    of === timeline ? 'parent' : 'child',
    ...segments.map(({ file, start, end }) => `${Number(file.split('.')[1])}:${start}-${end}`),
  ]);

describe('GET /services/{id}/transactions', () => {
  test('of a service whose binlog was never archived is empty, and nobody is asked', async () => {
    const { status, body } = await list(await newService());
    expect([status, body]).toEqual([200, { transactions: [] }]);
  });

  test('has what the agent reads, of the segments that can be of the time, and where there is more', async () => {
    const service = await newService();
    const numbers = [1, 2, 3, 4];
    await archive(service, { segments: numbers.map((number) => segment(timeline, number, [0, fileBytes])) });
    const found = {
      gtid: '0-1-1500',
      timeline,
      file: fileName(2),
      position: 499_000,
      bytes: 1000,
      time: instantAt(2, 500_000),
      notBefore: instantAt(2, 499_900),
      resolution: 'commit_clock' as const,
      kind: 'DDL' as const,
      statements: ['DROP TABLE'],
      tables: ['shop.orders'],
      tablesKnown: true,
    };
    const next = { timeline, file: fileName(3), position: 4_000 };
    const query = {
      from: instantAt(2, 500_000),
      to: instantAt(3, 1_000),
      table: 'shop.orders',
      page_size: '1',
    };
    const { order, answer } = await answered(service, query, { transactions: [found], next, ended: false });
    expect(answer.messages).toBe('');
    expect(spans(order?.parts)).toEqual([['parent', `2:0-${fileBytes}`, `3:0-${fileBytes}`]]);
    expect(order).toMatchObject({ serviceId: service.serviceId, table: 'shop.orders', limit: 1 });
    expect(answer.body).toEqual({
      transactions: [
        {
          gtid: '0-1-1500',
          timeline,
          time: instantAt(2, 500_000).replace(/\.?0*Z$/, 'Z'),
          not_before: instantAt(2, 499_900).replace(/0*Z$/, 'Z'),
          resolution: 'commit_clock',
          kind: 'DDL',
          statements: ['DROP TABLE'],
          tables: ['shop.orders'],
          tables_known: true,
          size_bytes: 1000,
          binlog_file: fileName(2),
          binlog_position: 499_000,
        },
      ],
      next: `${timeline}:4000:${fileName(3)}`,
    });
    const on = await answered(
      service,
      { after: String(answer.body['next']) },
      { transactions: [], ended: true },
    );
    expect(spans(on.order?.parts)).toEqual([['parent', `3:0-${fileBytes}`, `4:0-${fileBytes}`]]);
    expect(on.order?.parts[0]?.from).toEqual({ file: fileName(3), position: 4_000 });
    expect(on.answer.body).toEqual({ transactions: [] });
  });

  test('begins where a transaction does that began before the time', async () => {
    const service = await newService();
    const segments = [
      segment(timeline, 1, [0, 10_000]),
      // In this one a transaction begins that ends in the last.
      segment(timeline, 1, [10_000, 20_500]),
      segment(timeline, 1, [20_500, 30_000], { wholeEnd: 20_500 }),
      segment(timeline, 1, [30_000, 40_000]),
    ];
    await archive(service, { segments });
    const { order } = await answered(service, { from: instantAt(1, 35_000) });
    expect(spans(order?.parts)).toEqual([['parent', '1:10000-20500', '1:20500-30000', '1:30000-40000']]);
    expect(order?.parts[0]?.head).toEqual({ file: fileName(1), start: 0, end: 10_000 });
  });

  test('goes from a timeline over to the one that branched off it, or stays on the one that is named', async () => {
    const service = await newService();
    const branch = { file: fileName(2), position: 300_000, gtid: gtidAt(2, 300_000) };
    const begins = { file: fileName(2), position: 0, gtid: gtidAt(2, 300_000) };
    const segments = [1, 2, 3].map((number) => segment(timeline, number, [0, fileBytes]));
    await archive(service, {
      segments,
      timelines: [
        {
          id: timeline,
          begins: { file: fileName(1), position: 0, gtid: '' },
          cause: 'first',
          createdAt: instantAt(1, 0),
        },
      ],
    });
    await api.catalog.recordArchive(
      service.serviceId,
      report(child, {
        timelines: [
          { id: child, parent: timeline, branch, begins, cause: 'restore', createdAt: instantAt(4, 0) },
        ],
        segments: [
          segment(child, 2, [0, fileBytes], {
            sampledFrom: instantAt(4, 0),
            sampledTo: instantAt(4, 9),
            shippedAt: instantAt(5, 0),
          }),
        ],
      }),
    );
    const { order } = await answered(service, {});
    expect(spans(order?.parts)).toEqual([
      ['parent', `1:0-${fileBytes}`, `2:0-${fileBytes}`],
      ['child', `2:0-${fileBytes}`],
    ]);
    expect(order?.parts[0]?.to).toEqual({ file: fileName(2), position: 300_000 });
    const named = await answered(service, { timeline });
    expect(spans(named.order?.parts)).toEqual([
      ['parent', ...[1, 2, 3].map((file) => `${file}:0-${fileBytes}`)],
    ]);
    const unknown = await list(service, { timeline: 'c'.repeat(32) });
    expect([unknown.status, unknown.messages]).toEqual([400, expect.stringContaining(child)]);
    const other = await list(service, { timeline, after: `${child}:4:${fileName(2)}` });
    expect([other.status, other.errors]).toEqual([400, ['invalid_request']]);
  });

  test('of many small segments comes in pages that end between two transactions', async () => {
    const service = await newService();
    const small = Array.from({ length: 450 }, (_, index) =>
      // Of the 400th no transaction ends in it.
      segment(
        timeline,
        1,
        [index * 2_000, (index + 1) * 2_000],
        index === 399 ? { wholeEnd: index * 2_000 } : {},
      ),
    );
    await archive(service, { segments: small });
    const first = await answered(service, {});
    expect(first.order?.parts[0]?.segments).toHaveLength(401);
    expect(first.answer.body).toEqual({ transactions: [], next: `${timeline}:802000:${fileName(1)}` });
    const second = await answered(service, { after: String(first.answer.body['next']) });
    expect(second.order?.parts[0]?.segments).toHaveLength(49);
    expect(second.answer.body).toEqual({ transactions: [] });
  });

  test('is refused with times that are the wrong way round, and from behind all that is archived', async () => {
    const service = await newService();
    await archive(service, { segments: [1, 2].map((number) => segment(timeline, number, [0, fileBytes])) });
    const [early, late] = [instantAt(1, 0), instantAt(2, 0)];
    const turned = await list(service, { from: late, to: early });
    expect([turned.status, turned.messages]).toEqual([
      400,
      expect.stringContaining('"to" has to be a time that is not before "from"'),
    ]);
    for (const [file, position] of [
      [2, fileBytes + 1],
      [3, 4],
    ] as const) {
      const forged = await list(service, { after: `${timeline}:${position}:${fileName(file)}` });
      expect([forged.status, forged.messages]).toEqual([400, expect.stringContaining('"after"')]);
    }
    const end = await list(service, { after: `${timeline}:${fileBytes}:${fileName(2)}` });
    expect([end.status, end.body]).toEqual([200, { transactions: [] }]);
    const same = await answered(service, { from: early, to: early });
    expect(same.answer.status).toBe(200);
  });

  test('is refused where the agent is away, of an earlier version, or cannot open what is archived', async () => {
    const service = await newService();
    await archive(service, { segments: [segment(timeline, 1, [0, fileBytes])] });
    const away = await list(service);
    expect([away.status, away.errors]).toEqual([409, ['agent_unavailable']]);
    const old = await asking(service, { ping: () => Promise.resolve() }, () => list(service));
    expect([old.status, old.errors]).toEqual([409, ['agent_outdated']]);
    const missing = failureOf({ code: 'identity_unavailable', message: 'There is no identity.' });
    const closed = await asking(service, { readTransactions: () => Promise.reject(missing) }, () =>
      list(service),
    );
    expect([closed.status, closed.errors, closed.messages]).toEqual([
      new TidemarkError('identity_unavailable', '').status,
      ['identity_unavailable'],
      'There is no identity.',
    ]);
  });

  test('is asked for again where segments were joined meanwhile', async () => {
    const service = await newService();
    await archive(service, { segments: [segment(timeline, 1, [0, fileBytes])] });
    const gone = failureOf({ code: 'object_missing', message: 'It is not there.' });
    let asked = 0;
    const readTransactions = (): Promise<TransactionPage> => {
      asked += 1;
      return asked === 1 ? Promise.reject(gone) : Promise.resolve({ transactions: [], ended: true });
    };
    const { status } = await asking(service, { readTransactions }, () => list(service));
    expect([status, asked]).toEqual([200, 2]);
  });

  test('of another organization it is not told', async () => {
    const { serviceId } = await newService();
    const answer = await api.ask('GET', `/services/${serviceId}/transactions`, { token: tokens.stranger });
    expect([answer.status, answer.errors]).toEqual([404, ['service_not_found']]);
  });
});
