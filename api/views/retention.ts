/** What a service is set to, and the judgement of its backups, as the API shows them. */
import type { z } from '@hono/zod-openapi';
import type { ArchivedFile } from '../../catalog/pruning-types.ts';
import type { RetentionFacts, Verdict } from '../../domain/retention/facts.ts';
import { saysHowLong } from '../../domain/retention/policy.ts';
import { retentionOf, type ServiceDefaults, type ServiceSettings } from '../../domain/service-settings.ts';
import type { RetentionPlanView, retentionView } from '../schemas/retention.ts';
import { wholeSeconds } from './format.ts';

export function policyView(
  settings: ServiceSettings,
  defaults: ServiceDefaults,
): z.infer<typeof retentionView> {
  const { days, keep, minFulls = 1 } = retentionOf(settings, defaults);
  return {
    ...(days !== undefined && { days }),
    ...(keep && { keep }),
    min_fulls: minFulls,
    origin: saysHowLong(settings.retention ?? {}) ? 'service' : 'deployment',
  };
}

export function retentionPlanView(
  serviceId: string,
  settings: ServiceSettings,
  defaults: ServiceDefaults,
  { candidates }: RetentionFacts,
  verdicts: readonly Verdict[],
  binlogs: readonly ArchivedFile[],
): RetentionPlanView {
  const byId = new Map(candidates.map((backup) => [backup.id, backup]));
  const view = (wanted: boolean): RetentionPlanView['keep'] =>
    verdicts.flatMap(({ id, keep, reason }) => {
      const backup = byId.get(id);
      if (keep !== wanted || !backup) return [];
      const { type, status, createdAt, storedBytes } = backup;
      return [{ id, type, status, created_at: wholeSeconds(createdAt), storage_bytes: storedBytes, reason }];
    });
  const remove = view(false);
  return {
    service_id: serviceId,
    policy: policyView(settings, defaults),
    remove,
    remove_bytes: remove.reduce((sum, backup) => sum + backup.storage_bytes, 0),
    keep: view(true),
    binlogs: binlogs.map(({ timeline, file, storedBytes }) => ({
      timeline,
      file,
      storage_bytes: storedBytes,
    })),
  };
}
