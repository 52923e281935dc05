/** What a backup does while its database server does not answer: it says so, gives the service up, and asks again. */
import { proxyActivities } from '@temporalio/workflow';
import type { HostBulkActivities, HostControlActivities } from '../activities/host/contract.ts';
import { TidemarkError } from '../domain/errors.ts';
import type { OperationTimings } from '../domain/operations.ts';
import type { Agent } from './agents.ts';
import { findingOf, isUnknownActivity, unknownActivity } from './failures.ts';
import { hostBulk, hostControl, tellingOfServer } from './profiles.ts';

/** Of a backup begun before there was a setting for it. */
const defaultWaitMs = 60_000;
const longestPauseMs = 60_000;
/** A server that goes away again and again in the middle of its copy is given up after so many. */
const mostCopies = 5;

/** What an agent does for a backup such that a server that does not answer is heard of at once. */
export interface ServerWork {
  /** @throws database_unreachable, and what else keeps the agent from working with its server */
  meet(): Promise<void>;
  takeBackup: HostBulkActivities['takeBackup'];
}

export function serverWork({ agentId }: Agent, timings: OperationTimings): ServerWork {
  const { meetServer } = proxyActivities<HostControlActivities>(
    tellingOfServer(hostControl(agentId, timings), unknownActivity),
  );
  const { takeBackup } = proxyActivities<HostBulkActivities>(tellingOfServer(hostBulk(agentId, timings)));
  return {
    takeBackup,
    async meet() {
      try {
        await meetServer();
      } catch (error) {
        // An agent of an earlier version finds out when it copies.
        if (!isUnknownActivity(error)) throw error;
      }
    },
  };
}

export interface AbsentServer {
  /** The server answers: a later absence is another one. */
  answered(): void;
  /** A copy begins. */
  copying(): void;
  /**
   * What to say, and how long to wait, before the server is asked again.
   *
   * @throws the error, where it is another one; database_unreachable once it was waited for long enough
   */
  waitFor(error: unknown): { message: string; pauseMs: number };
}

export function absentServer({ serverWaitMs = defaultWaitMs, retryMs }: OperationTimings): AbsentServer {
  let since: number | undefined;
  let asked = 0;
  let copies = 0;
  return {
    answered() {
      since = undefined;
      asked = 0;
    },
    copying() {
      copies += 1;
    },
    waitFor(error) {
      const { code, message } = findingOf(error);
      if (code !== 'database_unreachable') throw error;
      since ??= Date.now();
      const until = since + serverWaitMs;
      const left = until - Date.now();
      if (left <= 0 || copies >= mostCopies) {
        const waited = Math.round((Date.now() - since) / 1000);
        const tried =
          left <= 0 ? `It was asked again for ${waited} s.` : `The copy was begun ${copies} times.`;
        throw new TidemarkError(code, `${message} ${tried}`);
      }
      const pauseMs = Math.min(retryMs * 2 ** asked, longestPauseMs, left);
      asked += 1;
      const end = new Date(until).toISOString();
      const limit = `${end.slice(0, 10)} ${end.slice(11, 19)} UTC`;
      return { message: `${message} It is asked again until ${limit}.`, pauseMs };
    },
  };
}
