/** A proof's record as the API shows it. */
import type { z } from '@hono/zod-openapi';
import type { DrillRecord, LatestProofs, ProofRecord } from '../../catalog/proof-types.ts';
import { parseCron } from '../../domain/cron.ts';
import { nextRun } from '../../domain/cron-runs.ts';
import type { drillView as drillSchema, lastProof as lastSchema, ProofView } from '../schemas/proof.ts';
import { given, wholeSeconds } from './format.ts';
import { progressView } from './progress.ts';

type LastProofView = z.infer<typeof lastSchema>;

export function proofView(record: ProofRecord): ProofView {
  const { report, prover } = record;
  return {
    id: record.id,
    service_id: record.serviceId,
    status: record.status,
    message: record.message,
    ...given('error', record.code),
    started_at: wholeSeconds(record.createdAt),
    ...given('finished_at', record.finishedAt && wholeSeconds(record.finishedAt)),
    ...given('backup_id', record.backupId),
    ...given('point_in_time', record.pointInTime),
    ...(prover && {
      prover: { service_id: prover.serviceId, hostname: prover.hostname, own_host: prover.ownHost },
    }),
    ...(report && {
      reached: report.reached,
      seconds: rounded(report.seconds),
      tables: report.tables,
      rows: report.rows,
      checksum: report.digest,
    }),
    ...given('progress', record.progress && progressView(record.progress)),
  };
}

/** To the tenth. */
function rounded<K extends string>(seconds: Record<K, number>): Record<K, number> {
  const entries = Object.entries<number>(seconds).map(([name, value]) => [name, Math.round(value * 10) / 10]);
  return Object.fromEntries(entries) as Record<K, number>;
}

/** When it was last tried to prove a service, and when it last was. */
export function lastProofs({ last, succeeded }: LatestProofs = {}): {
  last_proof?: LastProofView;
  last_proven?: LastProofView;
} {
  return {
    ...(last && { last_proof: lastView(last) }),
    ...(succeeded && { last_proven: lastView(succeeded) }),
  };
}

function lastView({
  id,
  status,
  message,
  createdAt,
  finishedAt,
  pointInTime,
  report,
}: ProofRecord): LastProofView {
  return {
    id,
    status: status === 'Succeeded' ? status : 'Failed',
    message,
    finished_at: wholeSeconds(finishedAt ?? createdAt),
    ...given('point_in_time', pointInTime),
    ...(report && { seconds: Math.round(report.seconds.total * 10) / 10 }),
  };
}

export function drillView(
  drill: DrillRecord | undefined,
  now: number,
): { drill?: z.infer<typeof drillSchema> } {
  if (!drill) return {};
  const { schedule, offsetSeconds } = drill;
  const cron = parseCron(schedule);
  if ('wrong' in cron) throw new RangeError(`a drill without a cron expression: ${cron.wrong}`);
  const next = new Date(nextRun(cron, offsetSeconds, now)).toISOString();
  return { drill: { schedule, next_run: wholeSeconds(next) } };
}
