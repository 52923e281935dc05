/** The moments in which the server does not serve: the cut-over, its undoing, and the steps of a restore in place. */
import { rm } from 'node:fs/promises';
import { startOf } from '../../domain/progress.ts';
import { cutOver } from '../../mariadb/cutover/cut-over.ts';
import { putBack } from '../../mariadb/cutover/put-back.ts';
import { attempt } from './attempt.ts';
import type { HostControlActivities } from './contract.ts';
import { type Host, operationFolder } from './host.ts';
import { enterWorkplace, operationOf } from './restore.ts';

type SwapActivities = Pick<
  HostControlActivities,
  'cutOver' | 'putBack' | 'stopServer' | 'emptyData' | 'startServer'
>;

export function swapActivities(host: Host): SwapActivities {
  return {
    async cutOver(order) {
      const options = {
        operation: operationOf(order),
        phase: 'cutting_over',
        uninterruptible: true,
      } as const;
      return await attempt(host, options, async (trial) => {
        const { layout, staging } = await enterWorkplace(host, order);
        trial.report(startOf('cutting_over'));
        return await cutOver({
          server: host.settings.server,
          stateDirectory: host.settings.state_directory,
          restoreId: order.restoreId,
          layout,
          staging,
          keepPreviousMs: host.settings.restore.keep_previous,
          log: host.log,
        });
      });
    },
  };
}
