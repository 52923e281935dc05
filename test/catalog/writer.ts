/**
 * A process of its own that works on a catalog, as a second control worker would: `writer.ts LOCATION NAME ROUNDS`.
 * It migrates, registers the service NAME, and in each round orders a backup, runs it to its end and takes its
 * turn at the service that all writers share. Its last line is the number of turns that it had.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openCatalog } from '../../catalog/open.ts';
import { newService, orderBackup } from './records.ts';

const [location = '', name = '', rounds = ''] = process.argv.slice(2);
const organization = 'writers';
const catalog = await openCatalog(location);
try {
  await catalog.migrate();
  const own = newService({ serviceId: name, organization });
  await catalog.upsertService(own);
  await catalog.upsertService(newService({ serviceId: 'shared', organization }));
  let turns = 0;
  for (let round = 1; round <= Number(rounds); round += 1) {
    const { backup, workflowId } = await orderBackup(catalog, own);
    if (!(await catalog.updateBackup(backup.id, { status: 'Running' }))) throw new Error('the row is lost');
    if (!(await catalog.updateBackup(backup.id, { status: 'Succeeded' }))) throw new Error('the row is lost');
    await catalog.releasePlace(workflowId);
    const turn = { serviceId: 'shared', workflowId: `${name}/${round}`, operation: `turn ${name}/${round}` };
    while (await catalog.takePlace(turn)) await sleep(1);
    const holders = (await catalog.listPlaces()).filter(
      (place) => place.serviceId === 'shared' && place.held,
    );
    if (holders.length !== 1 || holders[0]?.workflowId !== turn.workflowId) throw new Error('two holders');
    turns += 1;
    await catalog.releasePlace(turn.workflowId);
  }
  process.stdout.write(`${turns}\n`);
} finally {
  await catalog.close();
}
