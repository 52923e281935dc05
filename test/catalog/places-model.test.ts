/** Places against a model: whatever comes in whatever order, the queue behaves as a list in memory does. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { longRun } from '../support/long.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, orderRestore, registered } from './records.ts';

type Step = { do: 'take' | 'wish' | 'release'; who: number } | { do: 'restore' };

const step = fc.oneof(
  fc.record({ do: fc.constantFrom('take', 'wish', 'release'), who: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ do: fc.constant('restore') }),
) as fc.Arbitrary<Step>;

describeOnBoth('the queue for a service', (database) => {
  test('is a list: the first has it, the others wait in their order, a restore needs it empty', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => await play(steps)),
      { numRuns: longRun ? 300 : 25 },
    );
  });

  async function play(steps: Step[]): Promise<void> {
    const { catalog } = database;
    const service = await registered(catalog);
    const { serviceId } = service;
    const backup = await finishedBackup(catalog, service);
    const queue: { workflowId: string; held: boolean }[] = [];
    for (const [index, next] of steps.entries()) {
      if (next.do === 'restore') {
        const order = orderRestore(catalog, service, backup);
        if (queue.length > 0) await expect(order).rejects.toMatchObject({ code: 'service_busy' });
        else queue.push({ workflowId: `restore/${serviceId}/${(await order).id}`, held: true });
      } else {
        // Who 0 stands for whatever is first, so that restores end too.
        const first = queue[0]?.workflowId;
        const workflowId = next.who === 0 && first !== undefined ? first : `${serviceId}/${next.who}`;
        await playOne(next.do, workflowId, index);
      }
      const places = (await catalog.listPlaces()).filter((place) => place.serviceId === serviceId);
      expect(places.map(({ workflowId, held }) => ({ workflowId, held }))).toEqual(queue);
    }
    for (const { workflowId } of queue) await catalog.releasePlace(workflowId);

    async function playOne(
      what: 'take' | 'wish' | 'release',
      workflowId: string,
      index: number,
    ): Promise<void> {
      const position = queue.findIndex((place) => place.workflowId === workflowId);
      if (what === 'release') {
        await catalog.releasePlace(workflowId);
        if (position >= 0) queue.splice(position, 1);
      } else if (what === 'wish') {
        if (position >= 0) return;
        await catalog.createOneTimeBackup({
          organization: service.organization,
          service,
          type: 'full',
          backupId: `${index}:${serviceId}:wish`,
          message: '',
          workflowId: () => workflowId,
        });
        queue.push({ workflowId, held: false });
      } else {
        if (position < 0) queue.push({ workflowId, held: false });
        const answer = await catalog.takePlace({ serviceId, workflowId, operation: 'backup' });
        const first = queue[0];
        if (first?.workflowId === workflowId) first.held = true;
        expect(answer?.workflowId).toBe(first?.workflowId === workflowId ? undefined : first?.workflowId);
      }
    }
  }
});
