/** `service.json`: what is known of a service, beside its backups, so that a store explains itself. */
import { z } from 'zod';
import { TidemarkError } from '../domain/errors.ts';
import { objectKeys } from '../domain/ids.ts';
import type { Announcement } from '../domain/operations.ts';
import { layoutSchema } from './manifest-schema.ts';
import { readBounded } from './read-bounded.ts';
import type { ObjectStore } from './store.ts';

const serviceFileFormat = 1;
const mostBytes = 1024 * 1024;

/** What of an announcement is kept: nothing that is secret, and nothing that is only true for the moment. */
export type ServiceFacts = Pick<
  Announcement,
  | 'serviceId'
  | 'serviceName'
  | 'organization'
  | 'labels'
  | 'cloudProvider'
  | 'serverName'
  | 'serverVersion'
  | 'layout'
  | 'agentId'
  | 'agentVersion'
  | 'hostname'
>;

/**
 * Writes a service's `service.json`, over the one before. A field that is not named here is not written, whatever
 * the object has.
 *
 * @param writtenAt RFC 3339 in UTC
 */
export async function writeServiceFile(
  store: ObjectStore,
  facts: ServiceFacts,
  writtenAt: string,
  signal?: AbortSignal,
): Promise<void> {
  const content = {
    format: serviceFileFormat,
    serviceId: facts.serviceId,
    serviceName: facts.serviceName,
    organization: facts.organization,
    labels: facts.labels,
    cloudProvider: facts.cloudProvider,
    serverName: facts.serverName,
    serverVersion: facts.serverVersion,
    layout: facts.layout,
    agentId: facts.agentId,
    agentVersion: facts.agentVersion,
    hostname: facts.hostname,
    writtenAt,
  };
  const body = Buffer.from(`${JSON.stringify(content, null, 2)}\n`);
  await store.replace(objectKeys.service(facts.serviceId), body, signal);
}

const serviceFile = z.object({
  format: z.int(),
  serviceId: z.string(),
  serviceName: z.string(),
  organization: z.string(),
  labels: z.record(z.string(), z.string()),
  cloudProvider: z.string(),
  serverName: z.string(),
  serverVersion: z.string(),
  layout: layoutSchema,
  agentId: z.string(),
  agentVersion: z.string(),
  hostname: z.string(),
  writtenAt: z.string(),
});

/**
 * What a store says of a service; undefined where it says nothing.
 *
 * @throws object_damaged, and what the store refuses
 */
export async function readServiceFile(
  store: ObjectStore,
  serviceId: string,
  signal?: AbortSignal,
): Promise<(ServiceFacts & { writtenAt: string }) | undefined> {
  const key = objectKeys.service(serviceId);
  try {
    const body = await readBounded(store, key, mostBytes, signal);
    const { success, data } = serviceFile.safeParse(JSON.parse(body?.toString('utf8') ?? ''));
    if (success && data.serviceId === serviceId) return data;
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'object_missing') return undefined;
    if (!(error instanceof SyntaxError)) throw error;
  }
  const message = `The object ${key} in ${store.location} is damaged: it does not say what a service is.`;
  throw new TidemarkError('object_damaged', message);
}
