/** An entry of the audit in the API's words. */
import type { AuditRecord } from '../../catalog/request-types.ts';
import { isErrorName } from '../../domain/errors.ts';
import type { AuditEntryView } from '../schemas/audit.ts';
import { given } from './format.ts';

export function auditView(record: AuditRecord): AuditEntryView {
  const { error } = record;
  return {
    id: record.id,
    created_at: record.createdAt,
    ...given('finished_at', record.finishedAt),
    operation: record.operation,
    method: record.method,
    path: record.path,
    subject: record.subject,
    how: record.how,
    ...given('role', record.role),
    address: record.address,
    service_ids: record.serviceIds,
    record_ids: record.recordIds,
    outcome: record.outcome,
    ...given('status', record.status),
    // A name that another version wrote is left out rather than told wrongly.
    ...(isErrorName(error) ? { error } : {}),
    replayed: record.replayed,
    request_id: record.requestId,
  };
}
