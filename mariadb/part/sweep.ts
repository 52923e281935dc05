/** Taking away what a part left on the running server that was not brought back; or bringing it to its end. */
import type { ServerSettings } from '../../config/agent.ts';
import type { Log } from '../context.ts';
import { lowerPacket } from '../dump/packet.ts';
import { removeDurably } from '../restore/files.ts';
import { type Connection, rowsOf } from '../server/sql.ts';
import { becomeAlone } from './alone.ts';
import { isExchanged } from './exchange.ts';
import { finishPart } from './finish.ts';
import { connectToLive, untilItWorks } from './live.ts';
import { quoted } from './names.ts';
import { contentOf } from './objects.ts';
import { type PartDatabase, partFile, readPart, writePart } from './record.ts';

interface SweepOptions {
  server: ServerSettings;
  /** Of the operation. */
  folder: string;
  workflowId: string;
  lockWaitMs: number;
}

interface LeaveOptions extends SweepOptions {
  giveUpMs: number;
  log: Log;
}

/** What an attempt left that loaded: it is begun again. @throws database_unreachable */
export async function sweepPart(options: SweepOptions): Promise<void> {
  const { server, folder, workflowId, lockWaitMs } = options;
  await lowerPacket(server, folder);
  const record = await readPart(folder);
  // One that has come back is nobody's to take away.
  if (record?.workflowId !== workflowId || record.state === 'exchanged' || record.state === 'done') return;
  await using live = await connectToLive(server, lockWaitMs);
  for (const database of record.databases) await removeIncoming(live, database);
  await removeDurably(partFile(folder));
}

/** What became of a part: nothing of it is there, or all of it. */
export type PartOutcome = 'untouched' | 'exchanged';

/**
 * The end of a part, however far it went. What has changed places stays, and what belongs to it is made.
 *
 * @throws database_unreachable while the server is away, put_back_failed while it refuses what is to be done: the next
 *   call goes on; host_busy, cut_over_failed
 */
export async function leavePart(options: LeaveOptions): Promise<PartOutcome> {
  try {
    return await leave(options);
  } catch (error) {
    throw untilItWorks(error, 'What was brought to the server could not be settled yet');
  }
}

async function leave(options: LeaveOptions): Promise<PartOutcome> {
  const { server, folder, workflowId, lockWaitMs, log } = options;
  const record = await readPart(folder);
  if (record?.workflowId === workflowId && record.state === 'done') return 'exchanged';
  if (record?.workflowId === workflowId && ['exchanging', 'exchanged'].includes(record.state)) {
    await using live = await connectToLive(server, lockWaitMs);
    await becomeAlone(live, record, lockWaitMs);
    if (record.state === 'exchanged' || (await isExchanged(live, record))) {
      const warnings = [...record.warnings, ...(await finishPart(live, record, options))];
      if (warnings.length > 0) log.warn({ warnings }, 'A part came back, and not all that belongs to it.');
      await writePart(folder, { ...record, state: 'done', warnings });
      return 'exchanged';
    }
  }
  await sweepPart(options);
  return 'untouched';
}

/** A database that was made for it goes where nobody has put anything else in it. */
async function removeIncoming(live: Connection, database: PartDatabase): Promise<void> {
  const { into, scratch, created, early, incoming } = database;
  await rowsOf(live, `DROP DATABASE IF EXISTS ${quoted(scratch)}`);
  const there = await contentOf(live, into);
  if (!there) return;
  const staged = new Set(incoming.map((object) => object.staged));
  for (const { name, kind } of there.objects) {
    if (staged.has(name))
      await rowsOf(live, `DROP ${kind === 'sequence' ? 'SEQUENCE' : 'TABLE'} ${quoted(into, name)}`);
    else if (early.includes(name) && kind === 'sequence')
      await rowsOf(live, `DROP SEQUENCE ${quoted(into, name)}`);
  }
  const left = (await contentOf(live, into))?.objects.length ?? 0;
  if (created && left === 0) await rowsOf(live, `DROP DATABASE ${quoted(into)}`);
}
