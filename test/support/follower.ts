/** A follower of a test server, with an archive in a folder of its own. */
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BinlogSettings, binlogSettings } from '../../config/agent.ts';
import type { FollowReport, FollowState } from '../../domain/archive/facts.ts';
import type { SegmentArchive } from '../../domain/archive/header.ts';
import { Follower, type FollowerOptions } from '../../mariadb/follow/follower.ts';
import { openStore } from '../../storage/open.ts';
import { openArchive } from '../../storage/segments.ts';
import { type TestServer, silentLog } from './mariadb.ts';
import { runFolder } from './run.ts';
import { until } from './until.ts';

export interface Following {
  follower: Follower;
  /** In their order. */
  reports: FollowReport[];
  /** Ends it, and waits until it has. */
  stop(): Promise<void>;
}

export interface Place {
  archive: SegmentArchive;
  folder: string;
  /** Begins to follow; after it was stopped, it goes on where it was. */
  follow(
    options?: Partial<Omit<FollowerOptions, 'settings'>> & { settings?: Partial<BinlogSettings> },
  ): Following;
}

export async function archiveOf(server: TestServer): Promise<Place> {
  const folder = await mkdtemp(path.join(runFolder(), 'follow-'));
  const store = await openStore(pathToFileURL(path.join(folder, 'store')).href);
  const archive = openArchive(store, 'orders');
  const follow: Place['follow'] = ({ settings, ...options } = {}) => {
    const ended = new AbortController();
    const reports: FollowReport[] = [];
    const follower = new Follower({
      server: server.settings,
      archive,
      serviceId: 'orders',
      agentId: 'agent',
      recipients: [],
      stateDirectory: path.join(folder, 'state'),
      intervalMs: 500,
      log: silentLog,
      start: { file: 'bin.000001', position: 4 },
      signal: ended.signal,
      ...options,
      settings: { ...binlogSettings.parse({}), ...settings },
    });
    const running = follower
      .run((report) => Promise.resolve(void reports.push(report)))
      .catch((error: unknown) => {
        if (!ended.signal.aborted) throw error;
      });
    const stop = async (): Promise<void> => {
      ended.abort();
      await running;
    };
    return { follower, reports, stop };
  };
  return { archive, folder, follow };
}

/** Transactions of one row each into `shop.t`. */
export async function writeRows(server: TestServer, rows: number, bytes = 36): Promise<void> {
  for (let row = 0; row < rows; row += 1) {
    const pieces = Math.ceil(bytes / 36);
    await server.query('INSERT INTO shop.t (t) VALUES (REPEAT(RANDOM_BYTES(36), ?))', [pieces]);
  }
}

/** Everything that the server has written by now. */
export async function archived({ follower }: Following): Promise<FollowState> {
  return await follower.flush(AbortSignal.timeout(60_000));
}

export async function troubled({ follower }: Following, pattern: RegExp): Promise<void> {
  await until(() => Promise.resolve(pattern.test(follower.state.trouble)));
}
