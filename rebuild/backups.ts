/** Backups that lie in a store and have no row: a manifest is a backup, and is taken up as one. */
import type { BackupRecord, Catalog, ServiceRecord } from '../catalog/types.ts';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { objectKeys, parseBackupId } from '../domain/ids.ts';
import type { Manifest } from '../domain/manifest.ts';
import { mostManifestBytes, readManifest, type ReadManifest } from '../storage/manifest.ts';
import { readBounded } from '../storage/read-bounded.ts';
import { namesBelow } from '../storage/segments.ts';
import type { ObjectStore } from '../storage/store.ts';
import { statParts } from '../storage/verify.ts';
import type { Findings } from './findings.ts';

/** How many manifests are read at a time. */
const atOnce = 8;
/** Of no order that is known: a schedule's number of another catalog means nothing here. */
const noSchedule = 0;

export interface AdoptionOptions {
  signal?: AbortSignal | undefined;
  /** The names of those to look at; default: all. */
  folders?: AsyncIterable<string> | Iterable<string>;
  /** Whether one is to be taken up; default: each. */
  wanted?: (manifest: Manifest) => boolean;
}

/**
 * @throws what the store or the catalog refuses; what is wrong with one backup is a finding
 */
export async function adoptBackups(
  { catalog, store, service }: { catalog: Catalog; store: ObjectStore; service: ServiceRecord },
  findings: Findings,
  {
    signal,
    folders = namesBelow(store, objectKeys.backupsFolder(service.serviceId), signal),
    wanted = () => true,
  }: AdoptionOptions = {},
): Promise<void> {
  const read: ReadManifest[] = [];
  let reading: Promise<ReadManifest | undefined>[] = [];
  const settle = async (): Promise<void> => {
    for (const one of await Promise.all(reading)) if (one) read.push(one);
    reading = [];
  };
  for await (const folder of folders) {
    reading.push(manifestIn(store, service.serviceId, folder, findings, signal));
    if (reading.length >= atOnce) await settle();
  }
  await settle();
  const byId = new Map(read.map(({ manifest }) => [manifest.backupId, manifest]));
  for (const { manifest, sha256 } of read) {
    if (!wanted(manifest) || !(await isWhole({ catalog, store }, manifest, findings, signal))) continue;
    const record = recordOf(service, manifest, sha256, fullOf(manifest, byId));
    if (await catalog.adoptBackup(record)) {
      findings.backups += 1;
      findings.deployments.add(manifest.deploymentId);
    } else findings.known += 1;
  }
}

/** Whether every part is there. Of what is known already that is not asked: a verification says more. */
async function isWhole(
  { catalog, store }: { catalog: Catalog; store: ObjectStore },
  manifest: Manifest,
  findings: Findings,
  signal?: AbortSignal,
): Promise<boolean> {
  if (await catalog.findBackup(manifest.backupId)) return true;
  try {
    await statParts(store, manifest, signal);
    return true;
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.retryable) throw error;
    findings.left.push({ key: objectKeys.manifest(manifest.backupId), reason: messageOf(error) });
    return false;
  }
}

/** Undefined for a folder without one: it is of a backup that never came to exist. */
async function manifestIn(
  store: ObjectStore,
  serviceId: string,
  folder: string,
  findings: Findings,
  signal?: AbortSignal,
): Promise<ReadManifest | undefined> {
  const key = `${objectKeys.backupsFolder(serviceId)}/${folder}/manifest.json`;
  try {
    const backupId = await idIn(store, key, signal);
    const parts = parseBackupId(backupId);
    if (parts?.hex === folder && parts.serviceId === serviceId) {
      return await readManifest(store, backupId, undefined, signal);
    }
    findings.left.push({ key, reason: 'It does not say that it is of this folder.' });
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.retryable) throw error;
    if (error.code !== 'object_missing') findings.left.push({ key, reason: messageOf(error) });
  }
  return undefined;
}

/** The whole id stands in the manifest alone. @returns empty where it does not */
async function idIn(store: ObjectStore, key: string, signal?: AbortSignal): Promise<string> {
  const body = await readBounded(store, key, mostManifestBytes, signal);
  try {
    const content: unknown = JSON.parse(body?.toString('utf8') ?? '');
    const id =
      typeof content === 'object' && content !== null && 'backupId' in content ? content.backupId : '';
    return typeof id === 'string' ? id : '';
  } catch {
    return '';
  }
}

/** The full that a chain begins with, as far as the chain is there. */
function fullOf(manifest: Manifest, byId: ReadonlyMap<string, Manifest>): string {
  let { parent } = manifest.lineage;
  const seen = new Set<string>();
  while (parent !== '' && !seen.has(parent)) {
    seen.add(parent);
    const next = byId.get(parent)?.lineage.parent ?? '';
    if (next === '') return parent;
    parent = next;
  }
  return parent;
}

function recordOf(
  service: ServiceRecord,
  manifest: Manifest,
  manifestSha256: string,
  full: string,
): BackupRecord {
  const timeline = manifest.range?.timeline ?? manifest.lineage.timeline;
  return {
    id: manifest.backupId,
    organization: service.organization,
    serviceId: service.serviceId,
    serviceName: manifest.serviceName,
    serverName: manifest.server.name,
    scheduleId: noSchedule,
    type: manifest.type,
    method: 'skybucket',
    cloudProvider: service.cloudProvider,
    status: 'Succeeded',
    message: 'The backup was found in the store.',
    createdAt: manifest.startedAt,
    startedAt: manifest.startedAt,
    endedAt: manifest.endedAt,
    pointInTime: manifest.pointInTime,
    referenceFullBackup: full,
    parentBackup: manifest.lineage.parent,
    ...(manifest.binlog && { binlog: manifest.binlog }),
    ...(timeline !== undefined && { timeline }),
    ...(manifest.dump && { dumpWhole: manifest.dump.whole }),
    ...(manifest.dump?.looseTables && { dumpLoose: true }),
    storedBytes: manifest.storedBytes,
    // As it is recorded when one is taken: what a restore needs.
    uncompressedBytes:
      manifest.type === 'incremental' || manifest.type === 'dump'
        ? manifest.dataBytes
        : manifest.uncompressedBytes,
    manifestSha256,
  };
}
