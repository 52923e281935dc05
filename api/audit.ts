/**
 * The audit of what was asked. A change is written down before it is carried out, so that a process that is killed
 * after the change leaves an entry, and finished afterwards. Of a body only the ids in it are recorded.
 */
import type { Context } from 'hono';
import type { AuditEnd, AuditIntent } from '../catalog/request-types.ts';
import { TidemarkError } from '../domain/errors.ts';
import { isServiceId } from '../domain/ids.ts';
import type { Answered } from './idempotency.ts';
import type { ApiEnvironment, Parts } from './context.ts';
import type { Known } from './auth/caller.ts';

/** Where requests and answers name things. A service is also what `{id}` means below /services. */
const serviceFields = ['service_id'];
const recordFields = ['id', 'key', 'backup_id', 'schedule_id', 'restore_id', 'agent_id'];

interface AuditedRequest {
  operation: { name: string; path: string };
  /** Whether it changes something; of the others only refusals for lack of rights are recorded. */
  changes: boolean;
  caller: Known;
}

interface Ids {
  serviceIds: string[];
  recordIds: string[];
}

/** @param begin is called with what the request names, before anything is changed */
export async function audited(
  c: Context<ApiEnvironment>,
  { operation, changes, caller }: AuditedRequest,
  { catalog, log }: Pick<Parts, 'catalog' | 'log'>,
  work: (begin: (input: unknown[]) => Promise<void>) => Promise<Answered>,
): Promise<Answered> {
  let entry: number | undefined;
  let ids = idsIn([c.req.param()], operation.path);
  const intent = (): AuditIntent => ({
    organization: caller.organization,
    operation: operation.name,
    method: c.req.method,
    path: c.req.path.slice(0, 300),
    subject: caller.subject,
    how: caller.how,
    ...(caller.role === undefined ? {} : { role: caller.role }),
    address: c.get('address'),
    requestId: c.get('requestId'),
    ...ids,
  });
  const end = async (outcome: Omit<AuditEnd, keyof Ids>): Promise<void> => {
    try {
      if (entry === undefined) await catalog.addAuditEntry(intent(), { ...outcome, ...ids });
      else await catalog.finishAuditEntry(entry, { ...outcome, ...ids });
    } catch (error) {
      // What was done is done: the answer is given, and the entry says that nobody knows how it ended.
      log.error({ operation: operation.name, entry, err: error }, 'the audit could not be finished');
    }
  };
  const begin = async (input: unknown[]): Promise<void> => {
    ids = merged(ids, idsIn(input, operation.path));
    if (changes) entry = await catalog.addAuditEntry(intent());
  };
  try {
    const answered = await work(begin);
    ids = merged(ids, idsIn([answered.answer], operation.path));
    if (changes) await end({ outcome: 'succeeded', status: 200, replayed: answered.replayed });
    return answered;
  } catch (error) {
    const { status, code } = error instanceof TidemarkError ? error : new TidemarkError('internal', '');
    if (changes || code === 'forbidden') {
      await end({ outcome: status < 500 ? 'refused' : 'failed', status, error: code });
    }
    throw error;
  }
}

function idsIn(sources: unknown[], path: string): Ids {
  const records = sources.filter((source) => typeof source === 'object' && source !== null);
  const valuesOf = (fields: string[]): string[] =>
    records.flatMap((record) =>
      fields.flatMap((field) => {
        const value = (record as Record<string, unknown>)[field];
        return typeof value === 'number' || (typeof value === 'string' && isId(value)) ? [String(value)] : [];
      }),
    );
  const ofServices = path.startsWith('/services/');
  return {
    serviceIds: valuesOf(ofServices ? [...serviceFields, 'id'] : serviceFields).filter(isServiceId),
    recordIds: valuesOf(ofServices ? recordFields.filter((field) => field !== 'id') : recordFields),
  };
}

/** Backups, services, agents, numbers, and an object's path in a bucket; not a sentence that stands in the wrong place. */
function isId(value: string): boolean {
  return /^[\w.:/-]{1,250}$/.test(value);
}

function merged(a: Ids, b: Ids): Ids {
  return {
    serviceIds: [...new Set([...a.serviceIds, ...b.serviceIds])],
    recordIds: [...new Set([...a.recordIds, ...b.recordIds])],
  };
}
