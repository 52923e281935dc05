/**
 * `npm run bench -- recover`: a service brought back from a full, an incremental and the binlogs after them, and what the
 * plan said beforehand of how long that would take.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { userInfo } from 'node:os';
import type { RestorePlan } from '../client/answers.ts';
import { changeBulk } from '../embedded/sample-data/bulk.ts';
import { connect, type Connection, rowsOf } from '../mariadb/server/sql.ts';
import { medians, type Steps, timed } from './figures.ts';
import { watchServer } from './probe.ts';
import { restoreSteps } from './steps.ts';
import { backUp, type Bench, estimateRatios, removeReplaced, restore } from './subject.ts';
import { prepareTransactions, sessions, writeTransactions } from './transactions.ts';

/** Of the rows, which lie side by side. */
const changedPercent = 5;
const lookMs = 250;
/** Of one call. */
const batch = 5_000;

/** @throws when a restore does not come to what the server had */
export async function benchRecover(bench: Bench): Promise<object> {
  const { stack, service, options, say } = bench;
  const connected = (): ReturnType<typeof connect> => connect({ defaults_file: service.defaults_file });
  const end = await write(bench);
  const fields = { gtid: end.gtid, timeline: end.timeline };
  const plans: RestorePlan[] = [];
  const took: number[] = [];
  const notServing: number[] = [];
  const steps: Steps[] = [];
  for (let run = 0; run < options.runs; run += 1) {
    await idle(bench);
    const plan = await stack.client.planRestore(service.service_id, service.service_id, fields);
    const probe = watchServer(service.socket, userInfo().username);
    let id = 0;
    const ms = await timed(async () => (id = await restore(bench, service.service_id, fields)));
    notServing.push(Math.round(await probe.stop()));
    steps.push(await restoreSteps(stack.temporalAddress, id));
    plans.push(plan);
    took.push(Math.round(ms));
    say(`  ${Math.round(ms)} ms, estimated ${plan.estimated_seconds} s. ${plan.reason}`);
    await using connection = await connected();
    const sum = await checksumOf(connection);
    if (sum !== end.checksum)
      throw new Error(`It came to the checksum ${sum}, and was to come to ${end.checksum}.`);
    await removeReplaced(bench);
  }
  return {
    took_ms: took,
    estimated_s: plans.map(({ estimated_seconds: seconds }) => seconds),
    estimate_ratio: estimateRatios(plans, took),
    not_serving_ms: notServing,
    chain: plans.map(({ chain }) => chain.length),
    binlog_bytes: plans.at(-1)?.binlogs?.bytes,
    steps_ms: medians(steps),
    same: true,
  };
}

interface End {
  gtid: string;
  timeline: string;
  checksum: string;
}

/** A full, changes, an incremental on it, transactions; once all of them are archived. */
async function write(bench: Bench): Promise<End> {
  const { service, options, say } = bench;
  const connected = (): ReturnType<typeof connect> => connect({ defaults_file: service.defaults_file });
  await using connection = await connected();
  await prepareTransactions(connection);
  say('Taking the full …');
  await backUp(bench);
  await changeBulk(connection, changedPercent);
  say('Taking the incremental …');
  const { type } = await backUp(bench, 'incremental');
  if (type !== 'incremental') throw new Error('A full was taken instead of an incremental.');
  say(`Writing ${options.transactions} transactions …`);
  await Promise.all(
    Array.from({ length: sessions }, async (_, session) => {
      await using own = await connected();
      const count = Math.ceil(options.transactions / sessions);
      await writeTransactions(own, session, { count, batch });
    }),
  );
  const [standing] = await rowsOf<{ gtid: string }>(connection, 'SELECT @@gtid_binlog_pos AS gtid');
  const gtid = standing?.gtid ?? '';
  const checksum = await checksumOf(connection);
  for (;;) {
    const { intervals } = await bench.stack.client.recoveryWindow(service.service_id);
    const reached = intervals.find(({ end_gtid: ends }) => ends === gtid);
    if (reached?.timeline !== undefined) return { gtid, timeline: reached.timeline, checksum };
    await sleep(lookMs);
  }
}

/** After a restore a full is taken, which would be measured, too. */
async function idle({ stack, service }: Bench): Promise<void> {
  for (;;) {
    const query = { service_id: service.service_id, page_size: 10 };
    const { backups } = await stack.client.backups(query);
    if (backups.every(({ status }) => status !== 'Scheduled' && status !== 'Running')) return;
    await sleep(lookMs);
  }
}

async function checksumOf(connection: Connection): Promise<string> {
  return JSON.stringify(await rowsOf(connection, 'CHECKSUM TABLE transactions.t EXTENDED'));
}
