/** What restores took, on the hosts that did them. */
import type { Stage } from '../domain/archive/estimate.ts';
import { now } from './columns.ts';
import type { Database } from './database.ts';
import type { MeasurementCatalog } from './measurement-types.ts';

/** Of one stage of one agent: what is older counts for next to nothing in an estimate. */
const keptOfStage = 12;

export function measurementsIn(database: Database): MeasurementCatalog {
  return {
    async keepMeasurements({ agentId, workflowId, stages }) {
      if (stages.length === 0) return;
      const measuredAt = now();
      await database.write(async (db) => {
        for (const { stage, bytes, seconds } of stages) {
          const what = { agent_id: agentId, stage, workflow_id: workflowId };
          await db
            .insertInto('measurements')
            .values({ ...what, measured_at: measuredAt, bytes, seconds })
            .onConflict((conflict) => conflict.columns(['agent_id', 'stage', 'workflow_id']).doNothing())
            .execute();
          const oldest = await db
            .selectFrom('measurements')
            .select(['measured_at', 'workflow_id'])
            .where('agent_id', '=', agentId)
            .where('stage', '=', stage)
            .orderBy('measured_at', 'desc')
            .orderBy('workflow_id', 'desc')
            .offset(keptOfStage)
            .limit(1)
            .executeTakeFirst();
          if (!oldest) continue;
          await db
            .deleteFrom('measurements')
            .where('agent_id', '=', agentId)
            .where('stage', '=', stage)
            .where((eb) =>
              eb.or([
                eb('measured_at', '<', oldest.measured_at),
                eb.and([
                  eb('measured_at', '=', oldest.measured_at),
                  eb('workflow_id', '<=', oldest.workflow_id),
                ]),
              ]),
            )
            .execute();
        }
      });
    },

    async findMeasurements(agentId) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('measurements')
            .select(['stage', 'bytes', 'seconds', 'measured_at'])
            .where('agent_id', '=', agentId)
            .orderBy('measured_at', 'desc')
            .orderBy('workflow_id')
            .execute(),
      );
      return rows.map(({ stage, bytes, seconds, measured_at: at }) => ({
        stage: stage as Stage,
        bytes,
        seconds,
        at,
      }));
    },
  };
}
