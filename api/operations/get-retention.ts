/** GET /services/{id}/retention: what the policy would remove now, and what it keeps. */
import { z } from '@hono/zod-openapi';
import type { ArchivedFile } from '../../catalog/pruning-types.ts';
import type { Catalog } from '../../catalog/types.ts';
import { neededBinlogs } from '../../domain/archive/pruning.ts';
import { judge } from '../../domain/retention.ts';
import type { Verdict } from '../../domain/retention/facts.ts';
import { retentionOf } from '../../domain/service-settings.ts';
import { findService } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { retentionPlan } from '../schemas/retention.ts';
import { retentionPlanView } from '../views/retention.ts';

/** More is not shown. */
const shownFiles = 1000;

export const getRetention = operation({
  name: 'getRetention',
  method: 'get',
  path: '/services/{id}/retention',
  summary: "Get what a service's retention removes and keeps",
  description:
    'Each backup with the reason. What has expired goes with one of the next sweeps, once it has been known to have expired for the grace (`retention_grace`). Failed and cancelled backups expire, too.',
  role: 'viewer',
  params: z.strictObject({ id: z.string() }),
  query: nothing,
  answer: retentionPlan,
  errors: ['service_not_found'],
  async handle({ params: { id }, caller: { organization } }, { catalog, defaults }) {
    const { serviceId } = await findService(catalog, id, organization);
    const settings = (await catalog.findServiceSettings([serviceId])).get(serviceId) ?? {};
    const facts = await catalog.retentionFacts(serviceId);
    const verdicts = judge(facts, retentionOf(settings, defaults), { now: Date.now(), graceMs: 0 });
    const binlogs = await binlogsWithout(catalog, serviceId, verdicts);
    return retentionPlanView(serviceId, settings, defaults, facts, verdicts, binlogs);
  },
});

/** The archived binlogs that would go with what is removed. */
async function binlogsWithout(
  catalog: Catalog,
  serviceId: string,
  verdicts: readonly Verdict[],
): Promise<ArchivedFile[]> {
  const archive = await catalog.pruningFacts(serviceId);
  if (archive.stretches.length === 0) return [];
  const removed = new Set(verdicts.filter(({ keep }) => !keep).map(({ id }) => id));
  const bases = archive.bases.filter(({ id }) => !removed.has(id));
  return await catalog.unneededFiles(serviceId, neededBinlogs({ ...archive, bases }), shownFiles);
}
