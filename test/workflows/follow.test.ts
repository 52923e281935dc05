/** The workflow that follows a binlog, over activities that a test decides. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { FollowPlan } from '../../activities/control/contract.ts';
import type { HostFollowInput } from '../../activities/host/contract.ts';
import type { FollowReport, SegmentFacts } from '../../domain/archive/facts.ts';
import type { FollowInput, FollowStatus, SignedReport, ToldReport } from '../../domain/archive/following.ts';
import { controlTaskQueue, workflowIds } from '../../domain/ids.ts';
import { defaultTimings } from '../../domain/operations.ts';
import { recordHistory } from '../support/histories.ts';
import { until } from '../support/stack.ts';
import { type MockedPlane, mockedPlane } from './mocked.ts';

const workflowId = workflowIds.follow('db-1');
const timings = { ...defaultTimings, retryMs: 20, heartbeatMs: 2_000 };

let plane: MockedPlane | undefined;
/** What the workflow asked for, in its order. */
let story: string[];
let plan: FollowPlan;
/** Of each order to follow. */
let sessions: string[];
/** Of the last report. */
let sequence: number;
/** The most that was to be recorded at a time, in characters. */
let longest: number;
let recorded: { report: FollowReport; endLeftOut: boolean; session: string; after: number }[];
/** What the agent's activity does; default: goes on until it is cancelled. */
let follow: (input: HostFollowInput) => Promise<void>;

function planOf(order: string, leftOut = false): FollowPlan {
  const input: HostFollowInput = {
    serviceId: 'db-1',
    workflowId,
    deploymentId: 'd-1',
    intervalMs: 10_000,
    encryption: { recipients: [], unencrypted: 'allowed' },
    start: { file: 'bin.000001', position: 4 },
  };
  return { verdict: 'follow', agentId: 'agent-1', order, input, leftOut };
}

function reportUpTo(end: number, start = end - 100): FollowReport {
  const segment: SegmentFacts = {
    timeline: 't'.repeat(32),
    file: 'bin.000001',
    start,
    end,
    gtidBefore: '',
    wholeEnd: end,
    gtidAfter: `0-1-${end}`,
    storedBytes: 10,
    sha256: '0'.repeat(64),
    recipients: [],
    shippedAt: '2026-01-01T00:00:00.000Z',
  };
  return {
    timelines: [],
    segments: [segment],
    joined: [],
    holes: [],
    state: {
      timeline: segment.timeline,
      archived: { file: segment.file, position: end, gtid: segment.gtidAfter },
      archivedTime: '2026-01-01T00:00:00.000Z',
      lookedAt: '2026-01-01T00:00:03.000Z',
      lagBytes: 7,
      spoolBytes: 0,
      trouble: '',
    },
  };
}

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
});

beforeEach(() => {
  story = [];
  recorded = [];
  longest = 0;
  sequence = 0;
  sessions = [];
  plan = planOf('first');
  follow = async () => {
    const context = Context.current();
    for (;;) {
      context.heartbeat();
      await context.sleep(10);
    }
  };
});

afterEach(async () => {
  await plane?.close();
  plane = undefined;
});

async function begin(): Promise<MockedPlane> {
  plane = await mockedPlane('follow', {
    control: {
      planFollowing: async () => {
        story.push('plans');
        return plan;
      },
      recordArchive: async ({ reports, endLeftOut, ...from }) => {
        longest = Math.max(longest, JSON.stringify(reports).length);
        const texts = (reports as SignedReport[]).map(({ report: text }) => text);
        const told = texts
          .filter((text) => text.startsWith('{'))
          .map((text) => JSON.parse(text) as ToldReport);
        for (const { report: one } of told) recorded.push({ report: one, endLeftOut, ...from });
        const segments = told.flatMap((one) => one.report.segments);
        const last = segments.at(-1);
        return {
          sequence: told.at(-1)?.sequence ?? from.after,
          segments: segments.length,
          ...(last && { lastSegment: `${last.file}/${last.start}-${last.end}` }),
          ...(told.length > 0 && { state: told.at(-1)!.report.state }),
        };
      },
      tellFollowing: async ({ message }) => void story.push(`tells: ${message}`),
      endFollowing: async ({ reason, off }) => void story.push(`ends${off ? ', off' : ''}: ${reason}`),
    },
    agent: {
      control: {},
      bulk: {},
      follow: {
        followBinlog: async (input) => {
          story.push(`follows ${input.start.file}`);
          sessions.push(input.session ?? '');
          try {
            await follow(input);
          } finally {
            story.push('has stopped');
          }
          throw new Error('it ended by itself');
        },
      },
    },
  });
  await wake();
  return plane;
}

async function wake(): Promise<void> {
  const input: FollowInput = { serviceId: 'db-1', timings };
  await plane?.client.workflow.signalWithStart('follow', {
    taskQueue: controlTaskQueue,
    workflowId,
    args: [input],
    signal: 'wake',
  });
}

async function signal(content: unknown): Promise<void> {
  await plane?.client.workflow.getHandle(workflowId).signal('report', content);
}

async function report(content: FollowReport): Promise<void> {
  sequence += 1;
  await signal({ report: JSON.stringify({ sequence, report: content }), signature: 'by nobody' });
}

async function status(): Promise<FollowStatus | undefined> {
  return await plane?.client.workflow.getHandle(workflowId).query<FollowStatus>('status');
}

const reaches = async (line: string): Promise<void> => {
  await until(
    async () => story,
    (told) => told.includes(line),
    line,
  );
};

describe('following a binlog', () => {
  test('records what the agent reports, and says where it stands', async () => {
    await begin();
    await reaches('follows bin.000001');
    await report(reportUpTo(100));
    await until(
      async () => recorded.length,
      (count) => count === 1,
      'the first',
    );
    await report(reportUpTo(200));
    await until(
      async () => recorded.flatMap((one) => one.report.segments),
      (all) => all.length === 2,
      'both',
    );
    const said = await until(status, (answer) => answer?.lastSegment === 'bin.000001/100-200', 'the status');
    expect(said).toMatchObject({
      serviceId: 'db-1',
      agentId: 'agent-1',
      message: 'The binlog is archived up to bin.000001:200; 7 bytes are to follow.',
      lagSeconds: 3,
      lagBytes: 7,
      state: { archived: { position: 200 } },
    });
    expect(recorded.map(({ endLeftOut }) => endLeftOut)).not.toContain(true);
    // Each is recorded for the session that the agent was told, behind what was taken before.
    const [first, second] = recorded;
    expect(first).toMatchObject({ session: sessions[0], after: 0 });
    expect(second).toMatchObject({ session: sessions[0], after: 1 });
    expect(sessions[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('hears no signal that is no report', async () => {
    await begin();
    for (const content of [null, 7, {}, { segments: [] }, { report: 7 }]) await signal(content);
    await report(reportUpTo(100));
    await until(
      async () => recorded.length,
      (count) => count > 0,
      'the report',
    );
    expect(recorded).toHaveLength(1);
  });

  test('goes on recording whatever large signals somebody sends', async () => {
    await begin();
    const large = 'x'.repeat(1_500_000);
    const control = '\u0001'.repeat(240_000);
    for (const one of [
      { report: 'x', anything: large },
      { state: { archived: { file: 'bin.000001' } }, anything: large },
      { report: control, signature: 'x' },
      { report: control, signature: 'x' },
      { report: 'x', signature: large },
    ]) {
      await signal(one);
      await signal(one);
    }
    await report(reportUpTo(100));
    await until(
      async () => recorded.length,
      (count) => count > 0,
      'the report',
    );
    expect(recorded).toHaveLength(1);
    expect(longest).toBeLessThan(1_000_000);
  });

  test('begins anew where another order is made, after what was reported is recorded; else goes on', async () => {
    await begin();
    await reaches('follows bin.000001');
    await wake();
    await until(
      async () => story.filter((line) => line === 'plans').length,
      (count) => count >= 2,
      'the plan',
    );
    expect(story).not.toContain('has stopped');
    plan = planOf('second');
    await wake();
    await until(
      async () => story.filter((line) => line.startsWith('follows')).length,
      (count) => count === 2,
      'the next',
    );
    expect(story.indexOf('has stopped')).toBeLessThan(story.lastIndexOf('follows bin.000001'));
  });

  test('ends where nothing is to be followed any more, and says so in the archive', async () => {
    const { client } = await begin();
    await reaches('follows bin.000001');
    await report(reportUpTo(100));
    plan = { verdict: 'none', reason: 'It is off.', off: true };
    await wake();
    expect(await client.workflow.getHandle(workflowId).result()).toBe('It is off.');
    expect(recorded).toHaveLength(1);
    expect(story.slice(-2)).toEqual(['plans', 'ends, off: It is off.']);
    await recordHistory(client, 'follow', workflowId);
    expect(story).toContain('has stopped');
  });

  test('has the stretch that was left out ended by what is shipped first', async () => {
    plan = planOf('first', true);
    await begin();
    await reaches('follows bin.000001');
    await report({ ...reportUpTo(100), segments: [] });
    await until(
      async () => recorded.length,
      (count) => count === 1,
      'the first',
    );
    await report(reportUpTo(200));
    await until(
      async () => recorded.length,
      (count) => count === 2,
      'the second',
    );
    await report(reportUpTo(300));
    await until(
      async () => recorded.length,
      (count) => count === 3,
      'the third',
    );
    expect(recorded.map(({ endLeftOut }) => endLeftOut)).toEqual([true, true, false]);
  });

  test('waits where nobody can follow, and goes on when it is woken', async () => {
    plan = { verdict: 'wait', reason: 'Its agent was revoked.' };
    await begin();
    await reaches('tells: Its agent was revoked.');
    expect(await status()).toMatchObject({ agentId: '', message: 'Its agent was revoked.' });
    plan = planOf('first');
    await wake();
    await reaches('follows bin.000001');
  });

  test('says what an agent refuses for good, and tries again when it is woken', async () => {
    const refusal = 'The server refuses the account.';
    const goOn = follow;
    follow = async () => {
      throw ApplicationFailure.nonRetryable(refusal, 'database_access_denied');
    };
    await begin();
    await reaches(`tells: ${refusal}`);
    follow = goOn;
    await wake();
    await until(
      async () => story.filter((line) => line.startsWith('follows')).length,
      (count) => count === 2,
      'the next',
    );
  });

  test('begins again with an agent that fell silent', async () => {
    const goOn = follow;
    follow = async () => {
      follow = goOn;
      // Nothing is heard of it any more.
      await sleep(3_000);
    };
    await begin();
    await until(
      async () => story.filter((line) => line.startsWith('follows')).length,
      (count) => count === 2,
      'the next attempt',
    );
  });

  test('ends in order where it is cancelled', async () => {
    const { client } = await begin();
    await reaches('follows bin.000001');
    await report(reportUpTo(100));
    await client.workflow.getHandle(workflowId).cancel();
    await expect(client.workflow.getHandle(workflowId).result()).rejects.toThrow();
    expect(story).toContain('has stopped');
    expect(recorded).toHaveLength(1);
  });
});
