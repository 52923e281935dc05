/** Replaying the binlogs of a real server: what the copy is afterwards is what the source was at that transaction. */
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { BinlogFile } from '../../mariadb/replay/order.ts';
import { randomBelow } from '../support/hostile-faults.ts';
import { longRun } from '../support/long.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import {
  archiveBinlogs,
  beginReplaySource,
  prove,
  removeCopy,
  replayCopy,
  type ReplaySource,
  type Snapshot,
} from '../support/replay.ts';
import { base, runWorkload } from '../support/workload.ts';

const seed = 20261123;
const transactions = longRun ? 400 : 90;
const targets = longRun ? 100 : 3;

const inherited = '5-77-12';

let server: TestServer;
let source: ReplaySource;
let files: BinlogFile[];
/** What the source was when each transaction had been written, by GTID, in their order. */
const states = new Map<string, Snapshot>();

beforeAll(async () => {
  server = await startTestServer({
    name: 'replay',
    // A replica would not do all that the source did.
    config: ['replicate_ignore_db=depot', 'slave_skip_errors=1062', 'innodb_flush_log_at_trx_commit=0'],
  });
  await server.session(base);
  // Of a backup that it was restored from, or of a source that it had: its own binlog has nothing of that domain.
  await server.query(`SET GLOBAL gtid_slave_pos = '${inherited}'`);
  source = await beginReplaySource(server);
  const from = source.backup.binlog.gtid;
  for (const { gtid, snapshot } of await runWorkload(server, { seed, transactions, from }))
    states.set(gtid, snapshot);
  files = await archiveBinlogs(source);
});
afterAll(() => server.remove());

test('the end of all binlogs is what the source is now, its events, users and GTIDs too', async () => {
  const [gtid = '', expected] = [...states].at(-1)!;
  const proven = await prove(source, files, { after: gtid });
  expect(files.length).toBeGreaterThan(1);
  const copy = await replayCopy(source, proven);
  expect(copy.snapshot).toEqual(expected);
  const [now] = await server.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid');
  expect(copy.gtid.split(',').sort()).toEqual([...now!.gtid.split(','), inherited].sort());
  expect(copy.result).toMatchObject({ way: 'relay', reached: proven.stop });
  expect(copy.result.notes).toEqual([expect.stringMatching(/MEMORY.*: shop\.carts\./)]);
  expect((await readdir(copy.directory)).filter((name) => /relay|^master/.test(name))).toEqual([]);
  await removeCopy(copy);
});

test(
  `${targets} drawn transactions, and just before them, each as the source was then (seed ${seed})`,
  async () => {
    const next = randomBelow(seed + 1);
    const gtids = [...states.keys()];
    for (let drawn = 0; drawn < targets; drawn += 1) {
      const number = 1 + Math.floor(next() * (gtids.length - 1));
      const before = drawn % 2 === 1;
      const stop = before ? { before: gtids[number]! } : { after: gtids[number]! };
      const copy = await replayCopy(source, await prove(source, files, stop));
      expect({ stop, state: copy.snapshot }).toEqual({
        stop,
        state: states.get(gtids[before ? number - 1 : number]!),
      });
      await removeCopy(copy);
    }
  },
  longRun ? 900_000 : 60_000,
);

test('by mariadb-binlog it is the same', async () => {
  const gtids = [...states.keys()];
  // Row events of the MEMORY table cannot be left out there.
  const number = 3;
  const proven = await prove(source, files, { after: gtids[number]! });
  const copy = await replayCopy(source, proven, { way: 'pipe' });
  expect(copy.snapshot).toEqual(states.get(gtids[number]!));
  expect(copy.result.way).toBe('pipe');
  expect(copy.gtid).toBe(proven.stop.gtid);
  await removeCopy(copy);
});
