/** Attempts at work on a host, as tests make them: a folder of the run, and what was reported and logged. */
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import type { Progress } from '../../domain/progress.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { silentLog } from './mariadb.ts';
import { runFolder } from './run.ts';

export interface TestAttempt extends Attempt {
  reports: Progress[];
  abort(reason?: Error): void;
}

export async function testAttempt(): Promise<TestAttempt> {
  const controller = new AbortController();
  const reports: Progress[] = [];
  return {
    folder: await mkdtemp(path.join(runFolder(), 'attempt-')),
    signal: controller.signal,
    reports,
    report: (progress) => void reports.push(progress),
    log: silentLog,
    abort: (reason) => controller.abort(reason),
  };
}
