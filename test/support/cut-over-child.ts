/**
 * A process that works on a cut-over and kills itself with SIGKILL at one step:
 * `node cut-over-child.ts ORDER.json`, the order being a {@link ChildOrder}.
 */
import { readFile } from 'node:fs/promises';
import type { ServerSettings } from '../../config/agent.ts';
import type { Layout } from '../../domain/layout.ts';
import type { Log } from '../../mariadb/context.ts';
import { cutOver } from '../../mariadb/cutover/cut-over.ts';
import { settleOpenJournals } from '../../mariadb/cutover/settle.ts';
import { undoRestore } from '../../mariadb/cutover/undo.ts';
import type { Staging } from '../../mariadb/restore/staging.ts';

export interface ChildOrder {
  work: 'cut over' | 'settle' | 'undo';
  /** The step to die at, such as `before stop`; empty: live. */
  dieAt: string;
  server: ServerSettings;
  stateDirectory: string;
  restoreId: number;
  workflowId: string;
  layout: Layout;
  staging: Staging;
}

const order = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as ChildOrder;
const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const onStep = (step: string): Promise<void> => {
  if (step !== order.dieAt) return Promise.resolve();
  process.kill(process.pid, 'SIGKILL');
  // Nothing more happens in this process.
  return new Promise(() => undefined);
};
if (order.work === 'cut over') await cutOver({ ...order, keepPreviousMs: 3_600_000, log, onStep });
else if (order.work === 'undo')
  await undoRestore({
    ...order,
    undoId: 'undo/of-a-test',
    force: true,
    saveTail: () => Promise.resolve(true),
    log,
    onStep,
  });
else await settleOpenJournals({ ...order, log, onStep });
