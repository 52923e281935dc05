/**
 * A backup read back to the last byte, with all that it builds on. Unlike a restore it does not end at the first
 * damage: all of it is found.
 */
import { createHash } from 'node:crypto';
import { TidemarkError } from '../domain/errors.ts';
import { objectKeys, parseBackupId } from '../domain/ids.ts';
import type { Manifest, PartRecord } from '../domain/manifest.ts';
import { type Damage, type Examination, mostDamageNamed } from '../domain/verification.ts';
import { digested } from './digest.ts';
import { inspectManifest } from './manifest.ts';
import type { ObjectStore } from './store.ts';

/** How many parts are read at a time. */
const readers = 3;
/** The most that a reader holds: a part of the usual size, and the byte that tells one that has grown. */
const pieceBytes = 16 * 1024 * 1024 + 1;

export interface ExamineOptions {
  /** What is known elsewhere of a backup: the digest of its manifest, and the id of its parent or ''. */
  known: (backupId: string) => Promise<{ manifestSha256?: string; parent: string }>;
  signal?: AbortSignal;
  /** Told how many bytes of parts are behind us, of how many. */
  onProgress?: (done: number, total: number) => void;
}

interface OwnedPart {
  backupId: string;
  part: PartRecord;
}

/**
 * Compares every object of a backup, and of the backups that it builds on, with what is recorded of it. What differs
 * is looked at once more first, in case the way was the trouble. Nothing is decrypted: no identity is needed. Memory
 * is three pieces of 16 MiB, whatever the size of the backup or of its parts.
 *
 * @throws storage_unavailable and what else a store throws that says nothing of the backup; not_available when a later
 *   version of Tidemark wrote it; operation_cancelled
 */
export async function examineBackup(
  store: ObjectStore,
  backupId: string,
  { known, signal, onProgress }: ExamineOptions,
): Promise<Examination> {
  const damaged: { place: number; damage: Damage }[] = [];
  const found = { objectsCount: 0, bytesRead: 0, damagedCount: 0 };
  const note = (place: number, damage: Damage): void => {
    found.damagedCount += 1;
    if (damaged.length < mostDamageNamed) damaged.push({ place, damage });
  };
  const parts: OwnedPart[] = [];
  for await (const link of chainOf(store, backupId, known, signal)) {
    found.objectsCount += 1;
    if ('damage' in link) note(-1, link.damage);
    if (!('manifest' in link)) continue;
    for (const stream of link.manifest.streams)
      for (const part of stream.parts) parts.push({ backupId: link.manifest.backupId, part });
  }
  found.objectsCount += parts.length;
  const total = parts.reduce((sum, { part }) => sum + part.bytes, 0);
  let done = 0;
  onProgress?.(done, total);
  await inParallel(parts, signal, async ({ backupId: owner, part }, place, memory, either) => {
    const { bytesRead, finding } = await twice(() => comparePart(store, part, memory, either));
    found.bytesRead += bytesRead;
    if (finding !== undefined) note(place, { backupId: owner, object: part.key, finding });
    done += part.bytes;
    onProgress?.(done, total);
  });
  const inOrder = damaged.toSorted((a, b) => a.place - b.place).map(({ damage }) => damage);
  return { ...found, damaged: inOrder };
}

type Link = { manifest: Manifest } | { damage: Damage } | { manifest: Manifest; damage: Damage };

/** The manifests from a backup to the full that it rests on. Of one that is damaged, others know its parent. */
async function* chainOf(
  store: ObjectStore,
  first: string,
  known: ExamineOptions['known'],
  signal: AbortSignal | undefined,
): AsyncGenerator<Link, void, undefined> {
  const seen = new Set<string>();
  for (let backupId = first; backupId !== '';) {
    seen.add(backupId);
    const { manifestSha256, parent: recorded } = await known(backupId);
    const { manifest, finding } = await twice(() => readLink(store, backupId, manifestSha256, signal));
    const damage = (what: string): Damage => ({
      backupId,
      object: objectKeys.manifest(backupId),
      finding: what,
    });
    const parent = manifest?.lineage.parent ?? recorded;
    const fault = parent === '' ? undefined : faultOfParent(first, parent, seen);
    if (manifest && fault === undefined) yield { manifest };
    else if (manifest) yield { manifest, damage: damage(fault ?? '') };
    else yield { damage: damage(finding ?? '') };
    backupId = fault === undefined ? parent : '';
  }
}

function faultOfParent(first: string, parent: string, seen: ReadonlySet<string>): string | undefined {
  const shown = parent.slice(0, 250);
  if (parseBackupId(parent)?.serviceId !== parseBackupId(first)?.serviceId)
    return `expected a backup of the same service as its parent, found "${shown}"`;
  return seen.has(parent) ? `expected a parent that was taken before it, found "${shown}"` : undefined;
}

async function readLink(
  store: ObjectStore,
  backupId: string,
  manifestSha256: string | undefined,
  signal: AbortSignal | undefined,
): Promise<{ manifest?: Manifest; finding?: string }> {
  try {
    const read = await inspectManifest(store, backupId, manifestSha256, signal);
    return 'manifest' in read ? { manifest: read.manifest } : { finding: read.wrong };
  } catch (error) {
    return { finding: findingOf(error, 'a manifest') };
  }
}

async function comparePart(
  store: ObjectStore,
  part: PartRecord,
  memory: Buffer,
  signal: AbortSignal,
): Promise<{ bytesRead: number; finding?: string }> {
  const hash = createHash('sha256');
  const expected = `${part.bytes} bytes`;
  let bytesRead = 0;
  try {
    for (let more = true; more;) {
      // One byte more than is expected tells a part that has grown, and no more of it is read than that.
      const length = Math.min(memory.length, part.bytes + 1 - bytesRead);
      const piece = await store.get(part.key, { start: bytesRead, length }, signal, memory);
      await digested(piece, hash);
      bytesRead += piece.length;
      more = piece.length === length && bytesRead <= part.bytes;
    }
  } catch (error) {
    return { bytesRead, finding: findingOf(error, expected) };
  }
  const sha256 = hash.digest('hex');
  if (bytesRead > part.bytes) return { bytesRead, finding: `expected ${expected}, found more` };
  if (bytesRead < part.bytes) return { bytesRead, finding: `expected ${expected}, found ${bytesRead} bytes` };
  if (sha256 === part.sha256) return { bytesRead };
  return { bytesRead, finding: `expected SHA-256 ${part.sha256}, found ${sha256}` };
}

/** What an error says of the object. @throws the error, where it says nothing of it */
function findingOf(error: unknown, expected: string): string {
  const code = error instanceof TidemarkError ? error.code : undefined;
  if (code === 'object_missing') return `expected ${expected}, found no such object`;
  if (code === 'transfer_damaged' || code === 'object_damaged')
    return `expected ${expected}, found other bytes than the store announced`;
  throw error;
}

async function twice<T extends { finding?: string }>(look: () => Promise<T>): Promise<T> {
  const first = await look();
  return first.finding === undefined ? first : await look();
}

/** Each item once, a few at a time, each reader with memory of its own. The first error ends all of them. */
async function inParallel(
  items: readonly OwnedPart[],
  signal: AbortSignal | undefined,
  work: (item: OwnedPart, place: number, memory: Buffer, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const givenUp = new AbortController();
  const either = signal ? AbortSignal.any([signal, givenUp.signal]) : givenUp.signal;
  const largest = items.reduce((most, { part }) => Math.max(most, part.bytes + 1), 0);
  const waiting = items.entries();
  const readAll = async (): Promise<void> => {
    const memory = Buffer.allocUnsafeSlow(Math.min(largest, pieceBytes));
    for (const [place, item] of waiting) {
      either.throwIfAborted();
      await work(item, place, memory, either);
    }
  };
  const reading = Array.from({ length: Math.min(readers, items.length) }, readAll);
  try {
    await Promise.all(reading);
  } finally {
    givenUp.abort();
    await Promise.allSettled(reading);
  }
}
