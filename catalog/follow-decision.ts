/** Whether the binlog of a service is to be followed, as far as the catalog tells. */
import type { ArchivePoint } from '../domain/archive/facts.ts';
import { decideFollowing, type FollowDecision, type FollowFacts } from '../domain/archive/following.ts';
import {
  binlogSettingsOf,
  orderedEncryption,
  type ServiceDefaults,
  type ServiceSettings,
} from '../domain/service-settings.ts';
import type { Catalog, ServiceRecord } from './types.ts';

/** What is decided of a service as it is now, and where its archive would begin. */
export async function followDecision(
  { catalog, defaults }: { catalog: Catalog; defaults: ServiceDefaults },
  service: ServiceRecord,
): Promise<{ decision: FollowDecision; start: ArchivePoint; settings: ServiceSettings }> {
  const { serviceId, organization } = service;
  const settings = (await catalog.findServiceSettings([serviceId])).get(serviceId) ?? {};
  const newest = { page: 1, pageSize: 1, order: 'desc' } as const;
  const fulls = { serviceId, type: 'full', status: 'Succeeded' } as const;
  const from = (await catalog.listBackups(organization, fulls, newest)).items[0]?.binlog;
  const state = (await catalog.findFollowState([serviceId])).get(serviceId);
  const begun = from !== undefined || state !== undefined;
  return {
    decision: decideFollowing({ ...followFactsOf(service, settings, defaults), begun }),
    start: from ?? state?.archived ?? { file: '', position: 0, gtid: '' },
    settings,
  };
}

export function followFactsOf(
  { serviceId, agentId, layout }: ServiceRecord,
  settings: ServiceSettings,
  defaults: ServiceDefaults,
): Omit<FollowFacts, 'begun'> {
  return {
    serviceId,
    agentId,
    logBin: layout.binlogBasename !== '',
    settings: binlogSettingsOf(settings, defaults),
    encryption: orderedEncryption(settings, defaults),
  };
}
