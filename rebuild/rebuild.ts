/**
 * The catalog is an index over what lies in the store, and is made again from it. What is known already stays as it is, so
 * that it may run again, beside a deployment that works. Nothing is deleted afterwards until somebody confirms.
 */
import type { Catalog, ServiceRecord } from '../catalog/types.ts';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { isServiceId } from '../domain/ids.ts';
import { namesBelow } from '../storage/segments.ts';
import { readServiceFile } from '../storage/service-file.ts';
import type { ObjectStore } from '../storage/store.ts';
import { rebuildArchive } from './archive.ts';
import { adoptBackups } from './backups.ts';
import { type Findings, noFindings } from './findings.ts';

interface Rebuild {
  catalog: Catalog;
  store: ObjectStore;
  signal?: AbortSignal;
  /** Is told of each service before it is read. */
  tell?: (serviceId: string) => void;
}

/** What lies in no store: said by whoever rebuilds. */
export const lostWithCatalog = [
  'Schedules: a service is given its nightly backup again as soon as its agent announces itself; all others have to be made anew.',
  'Settings of services: retention, recipients, copies, chains and binlogs follow the deployment until they are set again.',
  'API keys, and who was let in as an agent: make keys with "tidemark keys create", and let agents in with "tidemark agents enroll".',
  'Sealed credentials of buckets of customers: their backups are not listed, and their schedules have to be ordered anew.',
  'What was restored, verified and asked (the audit), and why there are holes in the archived binlogs.',
  'Copies: what lies in further locations is looked for by itself, and is not sent again where it is whole.',
];

/** @throws what the store or the catalog refuses */
export async function rebuildCatalog({ catalog, store, signal, tell }: Rebuild): Promise<Findings> {
  const findings = noFindings();
  // First of all: a control worker that runs beside must find no half-filled catalog that it may act on.
  await catalog.beginConfirmation();
  for await (const serviceId of namesBelow(store, '', signal)) {
    if (!isServiceId(serviceId)) continue;
    tell?.(serviceId);
    const service = await serviceOf({ catalog, store, serviceId }, findings, signal);
    if (!service) continue;
    await adoptBackups({ catalog, store, service }, findings, { signal });
    await rebuildArchive({ catalog, store, serviceId }, findings, signal);
  }
  return findings;
}

async function serviceOf(
  { catalog, store, serviceId }: { catalog: Catalog; store: ObjectStore; serviceId: string },
  findings: Findings,
  signal?: AbortSignal,
): Promise<ServiceRecord | undefined> {
  const known = await catalog.findService(serviceId);
  if (known) {
    findings.known += 1;
    return known;
  }
  const key = `${serviceId}/service.json`;
  try {
    const facts = await readServiceFile(store, serviceId, signal);
    if (!facts) {
      const reason =
        'It is not there, so nobody knows whose the service is: start its agent, then rebuild again.';
      findings.left.push({ key, reason });
      return undefined;
    }
    const { writtenAt, ...rest } = facts;
    await catalog.upsertService({
      ...rest,
      // Nobody speaks for it before an agent is let in.
      agentId: '',
      serverRunning: false,
      storage: store.location,
      warnings: ['The service was found in the store; its agent has not been heard of since.'],
      registeredAt: writtenAt,
      lastSeenAt: writtenAt,
    });
    findings.services += 1;
    return await catalog.findService(serviceId);
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.retryable) throw error;
    findings.left.push({ key, reason: messageOf(error) });
    return undefined;
  }
}
