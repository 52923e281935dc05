/** POST /restores/lookup: to which services a backup can be restored. */
import type { Catalog, ServiceRecord } from '../../catalog/types.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { suits } from '../../domain/restore-plan.ts';
import { findBackup, findService } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { restoreLookupRequest, restoreTargets } from '../schemas/lookup.ts';

/** Services read at a time. */
const pageSize = 1_000;

export const lookupRestore = operation({
  name: 'lookupRestore',
  method: 'post',
  reads: true,
  path: '/restores/lookup',
  summary: 'Look up where a backup can be restored to',
  description:
    'The services whose MariaDB is of the same major version as the source and whose files are laid out alike; of a dump, those of any version. A backup that has not succeeded can be restored to none. The plan of the restore has the last word: it asks the host.',
  role: 'viewer',
  params: nothing,
  query: nothing,
  body: restoreLookupRequest,
  example: { backup_id: 'eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1' },
  answer: restoreTargets,
  errors: ['backup_not_found', 'service_not_found'],
  async handle({ body, caller: { organization } }, { catalog }) {
    const backup = await findBackup(catalog, body.backup_id, organization);
    if (body.service_id !== undefined) await findService(catalog, body.service_id, organization);
    if ((body.service_id ?? backup.serviceId) !== backup.serviceId) {
      throw new TidemarkError(
        'invalid_request',
        `The field "service_id" has to be the service that the backup is of, "${backup.serviceId}", or left out.`,
      );
    }
    const source = await catalog.findService(backup.serviceId, organization);
    if (backup.status !== 'Succeeded' || !source) return { services: [] };
    const targets = (await allServices(catalog, organization)).filter((target) =>
      suits(source, target, backup.type),
    );
    return {
      services: targets.map(({ serviceId, serviceName }) => ({
        service_id: serviceId,
        service_name: serviceName,
      })),
    };
  },
});

async function allServices(catalog: Catalog, organization: string): Promise<ServiceRecord[]> {
  const services: ServiceRecord[] = [];
  for (let page = 1; ; page += 1) {
    const { items, count } = await catalog.listServices(organization, { page, pageSize, order: 'asc' });
    services.push(...items);
    if (items.length < pageSize || services.length >= count) return services;
  }
}
