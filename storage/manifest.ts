/** The manifest: the object that makes a backup exist, written last and never changed. */
import { hash } from 'node:crypto';
import { z } from 'zod';
import { TidemarkError, messageOf } from '../domain/errors.ts';
import { objectKeys, parseBackupId } from '../domain/ids.ts';
import { manifestFormat, type Manifest } from '../domain/manifest.ts';
import { manifestSchema } from './manifest-schema.ts';
import { putOnce } from './put-once.ts';
import { readBounded } from './read-bounded.ts';
import type { ObjectStore } from './store.ts';

export interface ReadManifest {
  manifest: Manifest;
  /** Of its bytes. */
  sha256: string;
  /** Its bytes, as they are stored. */
  body: Buffer;
}

/**
 * The most that a manifest may have: it is held in memory, and in a customer's bucket anybody may have put one of
 * another size there. One of {@link mostParts} parts has less.
 */
export const mostManifestBytes = 64 * 1024 * 1024;

/** How many findings a message names; a damaged file can have one for each part. */
const mostFindings = 5;

/**
 * Writes a backup's manifest, from which moment the backup exists. The same manifest may be written again.
 * A manifest that a reader would refuse is not written.
 *
 * @returns its key, and the SHA-256 (hex) of its bytes
 * @throws object_exists when the backup has a manifest with other content; internal when it contradicts itself
 */
export async function writeManifest(
  store: ObjectStore,
  manifest: Manifest,
): Promise<{ key: string; sha256: string }> {
  const parsed = manifestSchema.safeParse(manifest);
  const faults = parsed.success ? contradictions(parsed.data, manifest.backupId) : issuesOf(parsed.error);
  if (!parsed.success || faults.length > 0) {
    throw new TidemarkError(
      'internal',
      `The manifest of ${manifest.backupId} cannot be written: ${phrase(faults)}.`,
    );
  }
  const key = objectKeys.manifest(manifest.backupId);
  const body = Buffer.from(`${JSON.stringify(parsed.data, null, 2)}\n`);
  if (body.length > mostManifestBytes) {
    throw new TidemarkError(
      'internal',
      `The manifest of ${manifest.backupId} cannot be written: ${tooLarge}.`,
    );
  }
  const sha256 = hash('sha256', body);
  await putOnce(store, key, body, sha256);
  return { key, sha256 };
}

/**
 * Reads a backup's manifest and sees that it is whole and agrees with itself.
 *
 * @param expectedSha256 digest of its bytes, when it is known from elsewhere
 * @throws object_missing when the backup does not exist in this store; object_damaged saying what is wrong with
 *   it; not_available when it was written by a later version of Tidemark
 */
export async function readManifest(
  store: ObjectStore,
  backupId: string,
  expectedSha256?: string,
  signal?: AbortSignal,
): Promise<ReadManifest> {
  const read = await inspectManifest(store, backupId, expectedSha256, signal);
  if ('manifest' in read) return read;
  throw new TidemarkError(
    'object_damaged',
    `The object ${objectKeys.manifest(backupId)} in ${store.location} is damaged: ${read.wrong}. ` +
      'Restore another backup.',
  );
}

/**
 * As {@link readManifest}; of one that is damaged it is answered what is wrong with it, a phrase.
 *
 * @throws object_missing, not_available
 */
export async function inspectManifest(
  store: ObjectStore,
  backupId: string,
  expectedSha256?: string,
  signal?: AbortSignal,
): Promise<ReadManifest | { wrong: string }> {
  const key = objectKeys.manifest(backupId);
  const body = await readBounded(store, key, mostManifestBytes, signal);
  if (!body) return { wrong: tooLarge };
  const sha256 = hash('sha256', body);
  if (expectedSha256 !== undefined && sha256 !== expectedSha256) {
    return { wrong: `expected SHA-256 ${expectedSha256}, found ${sha256}` };
  }
  let content: unknown;
  try {
    content = JSON.parse(body.toString('utf8'));
  } catch (error) {
    return { wrong: `it is not JSON (${messageOf(error)})` };
  }
  refuseOtherFormat(content, key, store.location);
  const parsed = manifestSchema.safeParse(content);
  if (!parsed.success) return { wrong: phrase(issuesOf(parsed.error)) };
  const faults = contradictions(parsed.data, backupId);
  return faults.length > 0 ? { wrong: phrase(faults) } : { manifest: parsed.data, sha256, body };
}

const tooLarge = `it has more than the ${mostManifestBytes} bytes that a manifest can have`;

/** Before anything else is judged: another format may have other fields everywhere. */
function refuseOtherFormat(content: unknown, key: string, location: string): void {
  const { success, data } = z.object({ format: z.int() }).safeParse(content);
  if (!success || data.format <= manifestFormat) return;
  throw new TidemarkError(
    'not_available',
    `The object ${key} in ${location} is a manifest of format ${data.format}, and this version of Tidemark reads ` +
      `formats up to ${manifestFormat}. Use the version that wrote it, or a later one.`,
  );
}

/** What cannot be together in one manifest, each a phrase. */
function contradictions(manifest: Manifest, backupId: string): string[] {
  const faults: string[] = [];
  const same = (name: string, expected: string | number, found: string | number): void => {
    if (expected !== found) faults.push(`${name}: expected ${expected}, found ${found}`);
  };
  same('backupId', backupId, manifest.backupId);
  same('serviceId', parseBackupId(backupId)?.serviceId ?? '', manifest.serviceId);
  faults.push(...lineageFaults(manifest));
  if ((manifest.type === 'binarylog') !== (manifest.streams.length === 0))
    faults.push(`streams: ${manifest.streams.length} in a backup of the type ${manifest.type}`);
  if ((manifest.type === 'binarylog') !== (manifest.range !== undefined))
    faults.push(`range: ${manifest.range ? 'found one' : 'none'} in a backup of the type ${manifest.type}`);
  let index = 0;
  for (const stream of manifest.streams) {
    for (const part of stream.parts) {
      index++;
      same(`key of part ${index}`, objectKeys.part(backupId, index), part.key);
    }
    same(`bytes of the stream ${stream.name}`, sum(stream.parts), stream.bytes);
  }
  same('streams', new Set(manifest.streams.map(({ name }) => name)).size, manifest.streams.length);
  same('storedBytes', sum(manifest.streams), manifest.storedBytes);
  return faults;
}

/** A full rests on nothing, and neither does a dump, which says what it holds; an incremental on another backup of the same service, and not on itself. */
function lineageFaults({
  type,
  backupId,
  serviceId,
  lineage: { parent, fromLsn, toLsn },
  dump,
}: Manifest): string[] {
  const faults: string[] = [];
  if ((type !== 'incremental') !== (parent === ''))
    faults.push(`lineage.parent: "${parent}" on a backup of the type ${type}`);
  if (parent !== '' && (parent === backupId || parseBackupId(parent)?.serviceId !== serviceId))
    faults.push(`lineage.parent: ${parent} is not another backup of ${serviceId}`);
  if ((type === 'dump') !== (dump !== undefined))
    faults.push(`dump: ${dump ? 'found' : 'not found'} on a backup of the type ${type}`);
  if (type !== 'incremental' && fromLsn !== 0) faults.push(`lineage.fromLsn: expected 0, found ${fromLsn}`);
  if (toLsn < fromLsn) faults.push(`lineage.toLsn: ${toLsn} is before ${fromLsn}`);
  return faults;
}

function sum(records: readonly { bytes: number }[]): number {
  return records.reduce((total, { bytes }) => total + bytes, 0);
}

function issuesOf(error: z.ZodError): string[] {
  return error.issues.map(({ path, message }) => `${path.map(String).join('.') || 'manifest'}: ${message}`);
}

function phrase(faults: readonly string[]): string {
  const more = faults.length - mostFindings;
  return `${faults.slice(0, mostFindings).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
