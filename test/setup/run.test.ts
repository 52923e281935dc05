/** What a test run promises its suites. */
import { expect, test } from '@jest/globals';
import { tmpdir } from 'node:os';
import { Client, Connection } from '@temporalio/client';
import { runFolder } from '../support/run.ts';
import { createNamespace } from '../support/temporal.ts';

test('temporary files of a suite lie in the folder of the run', () => {
  expect(tmpdir()).toBe(runFolder());
});

test('a namespace takes workflows with our search attributes as soon as it is there', async () => {
  const { address, namespace } = await createNamespace('setup');
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection, namespace });
    const handle = await client.workflow.start('anything', {
      workflowId: 'first',
      taskQueue: 'nobody-polls',
      searchAttributes: { ServiceId: ['s'], Operation: ['o'], BackupType: ['b'] },
    });
    const { searchAttributes } = await handle.describe();
    expect(searchAttributes).toEqual({ ServiceId: ['s'], Operation: ['o'], BackupType: ['b'] });
    await handle.terminate();
  } finally {
    await connection.close();
  }
});
