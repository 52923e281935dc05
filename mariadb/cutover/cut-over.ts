/**
 * The cut-over: the target stops, its data is moved aside, the new data is moved in, it starts, and is looked at. Each
 * step is in the journal before it begins. Whatever fails, or interrupts it, before the journal is closed, is taken
 * back.
 */
import { stat } from 'node:fs/promises';
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Layout } from '../../domain/layout.ts';
import type { Log } from '../context.ts';
import { isMissing } from '../restore/files.ts';
import { closeInPlace, readInPlace } from '../restore/in-place-record.ts';
import { isLaidOut } from '../restore/lay-out.ts';
import { removeStaging, undoneFolder, wasMissing, type Staging } from '../restore/staging.ts';
import { foreignEntries } from '../server/layout.ts';
import { isServing, isThere, startServer, stopServer } from '../server/lifecycle.ts';
import { connect, rowsOf } from '../server/sql.ts';
import { lowerGuard, raiseGuard } from './guard.ts';
import { readJournal, writeJournal, type Journal, type JournalMember, type Step } from './journal.ts';
import { moveAside, moveIn, restoreOwner } from './moves.ts';
import { describePrevious } from './previous.ts';
import { rollBack, type OnStep } from './roll-back.ts';
import { settleOthers } from './settle.ts';
import { identityOf } from './identity.ts';
import { type FirstBinlog, firstBinlog } from './written.ts';

export interface CutOverOptions {
  server: ServerSettings;
  stateDirectory: string;
  restoreId: number;
  /** Tells the restore from one of the same number. */
  workflowId: string;
  layout: Layout;
  /** A copy that was checked and laid out. */
  staging: Staging;
  /** How long the replaced data is kept. */
  keepPreviousMs: number;
  log: Log;
  /** Called once the server is stopped, while its data is still where it was. */
  onStopped?: (() => Promise<unknown>) | undefined;
  onStep?: OnStep;
}

export interface CutOverResult {
  /** For how long the server accepted no connections. */
  notServingMs: number;
  /** When the replaced data is removed at the latest. */
  keptUntil: string;
}

/**
 * Replaces the server's data by the copy in the staging area. The caller holds the server's lock. Called again, it
 * returns the result of a cut-over that was committed, and begins anew after one that was interrupted, once that is
 * taken back.
 * @throws cut_over_failed, server_start_failed: the old data is back, and serves if it served, unless the message says
 *   otherwise; then the journal stays open, to be settled
 */
export async function cutOver(options: CutOverOptions): Promise<CutOverResult> {
  const { stateDirectory, restoreId, staging } = options;
  await settleOthers(options, restoreId);
  const earlier = await readJournal(stateDirectory, restoreId);
  const ready = await isLaidOut(staging.data);
  if (earlier?.state === 'committed') {
    const own = earlier.workflowId === options.workflowId;
    if (own && !ready) return await finish(options, earlier);
    if (earlier.previous !== 'removed') throw numberTaken(restoreId, earlier);
  }
  if (earlier?.restored && earlier.restored.fate !== 'removed') throw numberTaken(restoreId, earlier);
  const settled = earlier?.state === 'open' ? await rollBack({ ...options, journal: earlier }) : earlier;
  if (settled?.state === 'obsolete') throw numberTaken(restoreId, settled);
  if (!(await isLaidOut(staging.data))) {
    throw new TidemarkError(
      'cut_over_failed',
      `The copy in ${staging.data} is not ready to be served: it was not checked to the end. Restore again.`,
    );
  }
  const held = { journal: await openJournal(options) };
  try {
    return await finish(options, await swap(options, held));
  } catch (error) {
    throw await takenBack(options, held.journal, error);
  }
}

/** Restores are numbered by the catalog; another catalog may have begun again at 1. */
function numberTaken(restoreId: number, earlier: Journal): TidemarkError {
  const { members, restored } = earlier;
  const [what, places] = restored
    ? ['what it had put there is', new Set(members.map(undoneFolder))]
    : ['what it replaced is', members.map(({ previous }) => previous)];
  return new TidemarkError(
    'cut_over_failed',
    `An earlier restore had the number ${restoreId} too, and ${what} still kept in ${[...places].join(', ')}. ` +
      'Remove that and the journal when they are not needed, then restore again.',
  );
}

/** Runs the steps; `held` has the journal as it was last written. */
async function swap(options: CutOverOptions, held: { journal: Journal }): Promise<Journal> {
  const { server, stateDirectory, log } = options;
  const step = async <T>(name: Step, work: () => Promise<T>): Promise<T> => {
    held.journal = { ...held.journal, step: name };
    await writeJournal(stateDirectory, held.journal);
    await options.onStep?.(`before ${name}`);
    const result = await work();
    await options.onStep?.(`after ${name}`);
    return result;
  };
  const eachMember = async (work: (member: JournalMember) => Promise<void>): Promise<void> => {
    for (const member of held.journal.members) await work(member);
  };

  await step('begin', () => Promise.resolve());
  const { notServingSince, goneSince } = await step('stop', () => stopServer(server, { fast: true, log }));
  await options.onStopped?.();
  await step('aside', async () => {
    await raiseGuard(stateDirectory, options.restoreId);
    await eachMember(moveAside);
  });
  await step('in', () => eachMember(moveIn));
  await step('own', () => eachMember(restoreOwner));
  await step('start', async () => {
    await lowerGuard(stateDirectory);
    await startServer(server, { gone: true, log });
  });
  await step('check', () => requireNewData(server, held.journal, goneSince));
  const binlog = await beganWith(options);
  const now = Date.now();
  const committed: Journal = {
    ...held.journal,
    step: 'commit',
    state: 'committed',
    notServingMs: now - notServingSince,
    committedAt: new Date(now).toISOString(),
    keepUntil: now + options.keepPreviousMs,
    previous: 'kept',
    ...(binlog && { binlog }),
  };
  await options.onStep?.('before commit');
  await writeJournal(stateDirectory, committed);
  held.journal = committed;
  await options.onStep?.('after commit');
  return committed;
}

async function openJournal(options: CutOverOptions): Promise<Journal> {
  const { server, layout, staging, restoreId } = options;
  const fresh = await stat(staging.data);
  const inPlace = await readInPlace(options.stateDirectory);
  const members: JournalMember[] = [];
  for (const member of staging.members) {
    const there = (await isMissing(member.live)) ? undefined : await stat(member.live);
    members.push({
      ...member,
      missing: await wasMissing(member),
      foreign: member.kind === 'data' && !member.renamed ? await foreignEntries(server, layout) : [],
      uid: there?.uid ?? fresh.uid,
      gid: there?.gid ?? fresh.gid,
      mode: there === undefined ? 0o700 : there.mode & 0o7777,
    });
  }
  return {
    format: 1,
    restoreId,
    workflowId: options.workflowId,
    state: 'open',
    step: 'begin',
    // On half a data directory a server that is kept starting is there, and serves nobody.
    served: inPlace?.emptied ? await isServing(server) : await isThere(server),
    ...(inPlace && { inPlace }),
    members,
    newData: await identityOf(staging.data),
    beganAt: new Date().toISOString(),
  };
}

/**
 * That the server which answers is one that started on the new data. Its directory alone does not prove it: that is
 * looked up by its path, under which a server that was never stopped has the new data, too.
 */
async function requireNewData(server: ServerSettings, journal: Journal, goneSince: number): Promise<void> {
  await using connection = await connect(server);
  const [row] = await rowsOf<{ directory: string; innodb: string | null }>(
    connection,
    "SELECT @@datadir AS directory, (SELECT SUPPORT FROM information_schema.ENGINES WHERE ENGINE = 'InnoDB') AS innodb",
  );
  if ((await identityOf(row?.directory ?? '')) !== journal.newData) {
    throw new TidemarkError(
      'cut_over_failed',
      `The server that answers uses other data, in ${row?.directory}.`,
    );
  }
  const [status] = await rowsOf<{ Value: string }>(connection, "SHOW GLOBAL STATUS LIKE 'Uptime'");
  const uptimeMs = Number(status?.Value ?? NaN) * 1_000;
  // The server counts whole seconds.
  if (!(uptimeMs <= Date.now() - goneSince + 1_000)) {
    throw new TidemarkError(
      'cut_over_failed',
      `The server that answers has run for ${status?.Value} s, since before the data was replaced: it was not ` +
        'stopped. See that server.control stops the server which answers at its socket.',
    );
  }
  if (!['YES', 'DEFAULT'].includes(row?.innodb ?? '')) {
    throw new TidemarkError('cut_over_failed', 'The server has started without InnoDB.');
  }
}

/** Without it the restore can only be undone with `force`: no reason to take it back. */
async function beganWith({ layout, log }: CutOverOptions): Promise<FirstBinlog | undefined> {
  try {
    return await firstBinlog(layout);
  } catch (error) {
    log.warn({ reason: messageOf(error) }, "The restored server's first binlog could not be looked at.");
    return undefined;
  }
}

/** What is left to do once the journal is closed; nothing of it can fail the restore, and all may be repeated. */
async function finish(options: CutOverOptions, journal: Journal): Promise<CutOverResult> {
  const { restoreId, stateDirectory, staging, log } = options;
  const remains: [string, () => Promise<void>][] = [
    ['describe the replaced data', () => describePrevious(journal)],
    ['remove what is left of the staging area', () => removeStaging(staging)],
    ['close the record of a restore in place', () => closeInPlace(stateDirectory)],
  ];
  for (const [what, work] of remains) {
    try {
      await work();
    } catch (error) {
      log.warn({ restoreId, reason: messageOf(error) }, `The restore is done, but could not ${what}.`);
    }
  }
  const keptUntil = new Date(journal.keepUntil ?? 0).toISOString();
  return { notServingMs: journal.notServingMs ?? 0, keptUntil };
}

async function takenBack(options: CutOverOptions, journal: Journal, cause: unknown): Promise<unknown> {
  // A committed journal stays so; the next call finishes it.
  if (journal.state === 'committed') return cause;
  const { log } = options;
  const what = `The cut-over failed at the step "${journal.step}": ${messageOf(cause)}`;
  log.warn(
    { restoreId: journal.restoreId, step: journal.step, reason: messageOf(cause) },
    'Taking the cut-over back.',
  );
  try {
    await rollBack({ ...options, journal });
  } catch (error) {
    return new TidemarkError(
      'cut_over_failed',
      `${what} It could not be taken back yet: ${messageOf(error)} The agent tries again by itself.`,
      { cause },
    );
  }
  const code =
    cause instanceof TidemarkError && cause.code === 'server_start_failed' ? cause.code : 'cut_over_failed';
  const serves = journal.served
    ? ', and the server serves it'
    : '; the server did not serve before, and is stopped';
  return new TidemarkError(code, `${what} The old data is back${serves}.`, { cause });
}
