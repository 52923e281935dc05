/** GET /backups: the backups of an organization. */
import type { BackupFilter } from '../../catalog/types.ts';
import { isServiceId } from '../../domain/ids.ts';
import type { BackupType, OperationStatus } from '../../domain/operations.ts';
import type { Parts } from '../context.ts';
import { operation } from '../operation.ts';
import { backupList, backupListQuery, type BackupListView, typeAliases } from '../schemas/backup.ts';
import { nothing } from '../schemas/common.ts';
import { backupView, copiesOf } from '../views/backup.ts';
import { pageRequest, pagesCount, type PagingQuery } from '../views/format.ts';

export const listBackups = operation({
  name: 'listBackups',
  method: 'get',
  path: '/backups',
  summary: 'List backups',
  role: 'viewer',
  params: nothing,
  query: backupListQuery,
  answer: backupList,
  errors: [],
  handle: async ({ query, caller }, parts) => backupPage(parts, caller.organization, query),
});

type BackupQuery = PagingQuery & {
  service_id?: string | undefined;
  status?: OperationStatus | undefined;
  type?: BackupType | keyof typeof typeAliases | 'snapshot' | undefined;
};

/** One page of backups. What can have none, an unknown service or volume snapshots, gives an empty one. */
export async function backupPage(
  parts: Pick<Parts, 'catalog' | 'defaults'>,
  organization: string,
  query: BackupQuery,
): Promise<BackupListView> {
  const { service_id: serviceId, status, type } = query;
  if (type === 'snapshot' || (serviceId !== undefined && !isServiceId(serviceId))) {
    return { backups: [], backups_count: 0, pages_count: 0 };
  }
  const filter: BackupFilter = {
    ...(serviceId === undefined ? {} : { serviceId }),
    ...(status === undefined ? {} : { status }),
    ...(type === undefined
      ? {}
      : { type: type === 'physical' || type === 'logical' ? typeAliases[type] : type }),
  };
  const { items, count } = await parts.catalog.listBackups(organization, filter, pageRequest(query));
  const copies = await copiesOf(parts, items);
  return {
    backups: items.map((item) => backupView(item, copies.get(item.id))),
    backups_count: count,
    pages_count: pagesCount(count, query),
  };
}
