/** Every workflow can go on from what an earlier version of it did. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import * as workflows from '../../workflows/index.ts';
import { workflowBundle } from '../../worker/workflow-bundle.ts';
import { historiesFolder } from '../support/histories.ts';

interface History {
  events: { workflowExecutionStartedEventAttributes?: { workflowType: { name: string } } }[];
}

const recorded = readdirSync(historiesFolder).map((file) => ({
  name: file.replace('.json', ''),
  history: JSON.parse(readFileSync(path.join(historiesFolder, file), 'utf8')) as History,
}));
let bundle: { codePath: string };

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  bundle = await workflowBundle();
});

function typeOf(history: History): string {
  return history.events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name ?? '';
}

describe('recorded histories', () => {
  test('there is one of every workflow', () => {
    expect(new Set(recorded.map(({ history }) => typeOf(history)))).toEqual(new Set(Object.keys(workflows)));
  });

  test.each(recorded)('$name is replayed by the workflow as it is now', async ({ history }) => {
    await Worker.runReplayHistory({ workflowBundle: bundle }, history);
  });

  test('one that another workflow wrote is refused', async () => {
    const backup = recorded.find(({ name }) => name === 'backup')?.history as History;
    const swapped = JSON.parse(JSON.stringify(backup).replaceAll('"backup"', '"restore"')) as History;
    await expect(Worker.runReplayHistory({ workflowBundle: bundle }, swapped)).rejects.toThrow();
  });
});
