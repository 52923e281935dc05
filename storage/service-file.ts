/** `service.json`: what is known of a service, beside its backups, so that a store explains itself. */
import { objectKeys } from '../domain/ids.ts';
import type { Announcement } from '../domain/operations.ts';
import type { ObjectStore } from './store.ts';

const serviceFileFormat = 1;

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
