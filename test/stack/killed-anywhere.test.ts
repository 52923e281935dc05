/**
 * A restore to a point in time, disturbed at moments that are drawn: the agent, the control worker, Temporal or the whole
 * host is killed, or somebody cancels it. Afterwards the server serves the old data or the new, whole, as the status
 * says, and nothing is left on the host. The seed of a failure is in its name: TIDEMARK_TEST_SEED repeats it.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { readJournal } from '../../mariadb/cutover/journal.ts';
import { expectCleanHost } from '../support/aftermath.ts';
import { bootHost, crashHost } from '../support/host-crash.ts';
import { randomBelow } from '../support/hostile-faults.ts';
import { longRun } from '../support/long.ts';
import { OwnTemporal } from '../support/own-temporal.ts';
import { Probe } from '../support/probe.ts';
import { testIf } from '../support/skip.ts';
import { ready, type RestoreBody, TestStack, type TestService, until } from '../support/stack.ts';

const serviceId = 'anywhere-1';
const seed = Number(process.env['TIDEMARK_TEST_SEED'] ?? randomInt(1_000_000));
/** Without the long run, one that says why it is skipped. */
const [kills, cancellations] = longRun ? [50, 10] : [1, 1];
const next = randomBelow(seed);
const draw = (below: number): number => Math.floor(next() * below);
const testLong = (name: string, body: () => Promise<void>): void =>
  testIf(longRun, 'npm run test:long runs it')(name, body);

/** In their order; a restore is in the first of them from the order on. */
const phases = ['ordered', 'fetching', 'preparing', 'replaying', 'checking', 'cutting_over'] as const;
type Phase = (typeof phases)[number];
const victims = ['agent', 'control worker', 'Temporal', 'host'] as const;
type Victim = (typeof victims)[number];

/** The table that tells the old data from the new: it is made before each restore. */
const oldOnly = 'shop.since';
type Sums = Record<string, number | null>;

let temporal: OwnTemporal;
let stack: TestStack;
let service: TestService;
let order: Record<string, unknown>;
/** At the point in time. */
let fresh: Sums;
/** How long each phase took in a restore that nobody disturbed, in milliseconds. */
const lasted = new Map<Phase, number>();

beforeAll(async () => {
  temporal = await OwnTemporal.start();
  const settings = {
    TIDEMARK_BINLOG_ARCHIVE: 'on',
    TIDEMARK_FULL_AFTER_HOLE: 'off',
    TIDEMARK_ARCHIVE_INTERVAL: '1s',
    TIDEMARK_RETRY_PAUSE: '200ms',
    TIDEMARK_SILENCE_TIMEOUT: '5s',
  };
  stack = await TestStack.start('anywhere', { temporal, apiSettings: settings, controlSettings: settings });
  service = await stack.addService(serviceId, {
    settings: { backup: { part_size: '1M' }, restore: { parts_ahead: 1 } },
  });
  const { server } = service;
  await server.loadSample({ rows: 200 });
  // A table of MEMORY is empty after a restore.
  await server.query('DROP TABLE shop.sessions');
  await server.query('CREATE TABLE shop.bulk (id INT PRIMARY KEY, noise VARBINARY(1000))');
  await server.query('INSERT INTO shop.bulk SELECT seq, RANDOM_BYTES(1000) FROM shop.seq_1_to_20000');
  const { id } = await stack.takeBackup(serviceId);
  await write(2_000);
  fresh = await server.checksums();
  await sleep(600);
  const [{ time } = { time: '' }] = await server.query<{ time: string }>(
    "SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ') AS time",
  );
  await sleep(600);
  await write(200);
  order = { id, service_id: serviceId, point_in_time: time, timeline: await archivedOn() };
  await measure();
}, 900_000);

afterAll(async () => {
  await stack?.stop();
  await temporal?.kill();
});

async function write(transactions: number): Promise<void> {
  const statement = 'INSERT INTO shop.customers (name, created) VALUES (UUID(), NOW(6))';
  await service.server.session(Array.from({ length: transactions }, () => statement));
}

/** Waits until all that was written is archived. @returns the timeline */
async function archivedOn(): Promise<string> {
  const [{ Position: position } = { Position: 0 }] = await service.server.query<{ Position: number }>(
    'SHOW MASTER STATUS',
  );
  interface Body {
    archive: { binlog_position?: string; timeline?: string };
  }
  const { body } = await until(
    () => stack.request<Body>('GET', `/services/${serviceId}`),
    ({ body: { archive } }) => Number(archive?.binlog_position ?? 0) >= position,
    'the archive of all that was written',
  );
  return body.archive.timeline ?? '';
}

/** Again where what was disturbed before is not over yet. */
async function orderRestore(): Promise<number> {
  const answer = await until(
    () => stack.request('POST', '/restores', order),
    ({ status }) => status !== 503 && status !== 409,
    'a restore that is taken',
  );
  expect(answer).toMatchObject({ status: 200 });
  return Number(answer.body['id']);
}

/** @returns undefined once it is over */
async function phaseOf(id: number): Promise<Phase | undefined> {
  const { status, progress } = await stack.restoreOf(id);
  if (isOver(status)) return undefined;
  if ((await readJournal(service.stateDirectory, id))?.state === 'open') return 'cutting_over';
  return phases.find((phase) => phase === progress?.phase) ?? 'ordered';
}

const isOver = (status: string): boolean => ['Succeeded', 'Failed', 'Cancelled'].includes(status);

/** A line for whoever waits for a long run. */
function tell(facts: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(facts)}\n`);
}

/** How long each phase takes here. */
async function measure(): Promise<void> {
  const id = await orderRestore();
  let [phase, since]: [Phase, number] = ['ordered', Date.now()];
  for (;;) {
    const now = await phaseOf(id);
    if (now === phase) {
      await sleep(10);
      continue;
    }
    lasted.set(phase, Date.now() - since);
    if (now === undefined) break;
    [phase, since] = [now, Date.now()];
  }
  expect(await stack.restoreEnd(id)).toMatchObject({ status: 'Succeeded' });
  expect(await service.server.checksums()).toEqual(fresh);
  tell({ seed, lasted: Object.fromEntries(lasted) });
}

/** Waits until a phase has begun and for a part of what it lasts; or until the restore is over. */
async function reach(id: number, phase: Phase, share: number): Promise<void> {
  const wanted = phases.indexOf(phase);
  await until(
    () => phaseOf(id),
    (now) => now === undefined || phases.indexOf(now) >= wanted,
    `the phase ${phase}`,
  );
  await sleep(share * (lasted.get(phase) ?? 200));
}

async function killAndRevive(victim: Victim, awayMs: number): Promise<void> {
  switch (victim) {
    case 'agent':
      await service.agent.end('SIGKILL');
      await sleep(awayMs);
      return await service.agent.start(ready.agent);
    case 'control worker':
      await stack.control.end('SIGKILL');
      await sleep(awayMs);
      return await stack.control.start(ready.control);
    case 'Temporal':
      await temporal.kill();
      await sleep(awayMs);
      return await temporal.start();
    case 'host':
      await crashHost(service);
      await sleep(awayMs);
      return await bootHost(service);
  }
}

interface Outcome {
  end: RestoreBody;
  at: Phase | undefined;
  probe: Probe;
  /** When it was disturbed; the host's clock. */
  disturbed: number;
}

/** Restores, disturbs that, and looks at what there is afterwards. */
async function disturbed(
  { phase, share }: { phase: Phase; share: number },
  disturb: (id: number) => Promise<void>,
): Promise<Outcome> {
  const { server } = service;
  await server.query(`CREATE TABLE IF NOT EXISTS ${oldOnly} (id INT PRIMARY KEY AUTO_INCREMENT)`);
  await server.query(`INSERT INTO ${oldOnly} VALUES ()`);
  const old = await server.checksums();
  const id = await orderRestore();
  const probe = new Probe(server, oldOnly);
  try {
    await reach(id, phase, share);
    const at = await phaseOf(id);
    const moment = Date.now();
    await disturb(id);
    const end = await stack.restoreEnd(id);
    const now = await until(
      () => server.checksums().catch(() => undefined),
      (sums) => sums !== undefined,
      'a server that serves',
    );
    const { status, message } = end;
    await probe.end();
    tell({ id, phase, at, status, message, outageMs: probe.longestOutageMs });
    const context = { status, message };
    expect({ ...context, now }).toEqual({ ...context, now: status === 'Succeeded' ? fresh : old });
    await expectCleanHost(service);
    return { end, at, probe, disturbed: moment };
  } finally {
    await probe.end();
  }
}

for (let number = 1; number <= kills; number += 1) {
  const victim = victims[number % victims.length]!;
  const phase = phases[draw(phases.length)]!;
  const share = next();
  const awayMs = draw(2) === 0 ? 0 : draw(7_000);
  // Once more while it is being mended.
  const againMs = draw(4) === 0 ? draw(2_500) : undefined;
  const twice = againMs === undefined ? '' : `, and again ${againMs} ms later`;
  testLong(
    `${number}: ${victim} killed at ${share.toFixed(3)} of ${phase}, away for ${awayMs} ms${twice} (seed ${seed})`,
    async () => {
      const { end, probe } = await disturbed({ phase, share }, async () => {
        await killAndRevive(victim, awayMs);
        if (againMs === undefined) return;
        await sleep(againMs);
        await killAndRevive(victim, 0);
      });
      expect(end.status).toMatch(/^(Succeeded|Failed)$/);
      expect(probe.longestOutageMs).toBeLessThan(90_000);
    },
  );
}

for (let number = 1; number <= cancellations; number += 1) {
  // Most phases change nothing on the server: half of them are in the one that does.
  const phase = number % 2 === 0 ? 'cutting_over' : phases[draw(phases.length)]!;
  const share = next();
  testLong(`${number}: cancelled at ${share.toFixed(3)} of ${phase} (seed ${seed})`, async () => {
    const {
      end,
      at,
      probe,
      disturbed: asked,
    } = await disturbed({ phase, share }, async (id) => {
      const { status } = await stack.request('POST', `/restores/${id}/cancel`);
      expect([200, 409]).toContain(status);
    });
    expect(end.status).toMatch(
      at === undefined || at === 'cutting_over' ? /^(Succeeded|Cancelled)$/ : /^Cancelled$/,
    );
    if (end.status !== 'Cancelled') return;
    const last = probe.changes.at(-1);
    expect(last?.served).toBe('old');
    // A phase that swaps data ends when the new data serves.
    const ended = Math.max(asked, probe.firstNew ?? 0);
    expect(last!.at - ended).toBeLessThan(10_000);
  });
}
