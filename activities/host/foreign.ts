/** A look at what Tidemark did not make, before anything is done with it. */
import { listed } from '../../domain/dump.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { ForeignFacts } from '../../domain/foreign.ts';
import { bytesForPeople } from '../../domain/sizes.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { giveUp } from '../../mariadb/foreign/bytes.ts';
import { findFiles, isNote } from '../../mariadb/foreign/files.ts';
import { scanDump } from '../../mariadb/foreign/sql.ts';
import { tooLarge, Unpacked } from '../../mariadb/foreign/unpacked.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { beating } from '../heartbeat.ts';
import { attempt } from './attempt.ts';
import type { HostBulkActivities, HostRestoreInput } from './contract.ts';
import {
  type ForeignPlace,
  foreignOf,
  openObject,
  openPlace,
  teller,
  unpackPlace,
} from './foreign-source.ts';
import { limitsOf, requireFitting } from './foreign-unpack.ts';
import type { Host } from './host.ts';
import { asking } from './identities.ts';
import { operationOf } from './site.ts';

export function foreignActivities(host: Host): Pick<HostBulkActivities, 'examineForeign'> {
  return {
    async examineForeign(order) {
      const operation = operationOf(order);
      const work = async (trial: Attempt): Promise<ForeignFacts> => {
        const place = await openPlace(host, order, trial.signal);
        return place.source.method === 'mysqldump'
          ? await examineDump(host, order, place, trial)
          : await examineFiles(host, order, place, trial);
      };
      // A question goes on beside whatever the host does, and stands in nobody's way.
      return foreignOf(order).asked
        ? await beating(() => asking(host, operation, work))
        : await attempt(host, { operation, phase: 'planning' }, work);
    },
  };
}

async function examineDump(
  host: Host,
  order: HostRestoreInput,
  place: ForeignPlace,
  trial: Attempt,
): Promise<ForeignFacts> {
  let scanned = 0;
  const tell = teller(trial, 'planning', () => scanned);
  const { form, bytes } = await openObject(host, place, { trial, tell });
  const { mostBytes } = await limitsOf(host, order, await inspectLayout(host.settings.server));
  const onBytes = (read: number): void => void (scanned = read);
  const { dump, warnings, bytes: unpackedBytes } = await scanDump(bytes, { mostBytes, onBytes }, tooLarge);
  if (order.mode === 'in-place' && !dump.whole) {
    throw new TidemarkError(
      'source_unsafe',
      `It is a dump of ${listed(dump.databases)}, and goes into the running server only once it was tried beside it: restore it with ` +
        'mode "side-by-side". The server was not touched.',
    );
  }
  const { storedBytes, identity } = place;
  return { form, storedBytes, identity, unpackedBytes, dump, warnings };
}

/** Of an archive no more is read through for somebody who asks for a plan. Bytes. */
const readForPlan = 512 * 1024 ** 2;

/**
 * Side by side a bad archive costs nothing: what it is is seen at its beginning, and the rest when it is unpacked. In place
 * all of it is read now, because the data goes next; and for a plan that is asked for, if that does not take long. Of a
 * folder what tells of the rest is read, which is three small files.
 */
async function examineFiles(
  host: Host,
  order: HostRestoreInput,
  place: ForeignPlace,
  trial: Attempt,
): Promise<ForeignFacts> {
  const { storedBytes, identity } = place;
  const layout = await inspectLayout(host.settings.server);
  const asked = foreignOf(order).asked === true;
  if (order.mode === 'in-place' || (asked && place.object && storedBytes <= readForPlan)) {
    const into = new Unpacked(await limitsOf(host, order, layout));
    const form = await unpackPlace(host, place, { trial, into, phase: 'planning' });
    const { files, databases } = findFiles(into);
    await requireFitting(host, order, files, layout);
    return { form, storedBytes, identity, unpackedBytes: into.bytes, files, databases, warnings: [] };
  }
  if (!place.object) return await examineFolder(host, order, place, trial);
  const { form, bytes } = await openObject(host, place, { trial, tell: teller(trial, 'planning', () => 0) });
  await giveUp(bytes);
  const warnings = asked
    ? [
        `Only the beginning of the archive was looked at, because it has ${bytesForPeople(storedBytes)}: whether it is whole and of ` +
          'which version it is is seen when it is unpacked beside the running server.',
      ]
    : [];
  return { form, storedBytes, identity, unpackedBytes: 0, warnings };
}

async function examineFolder(
  host: Host,
  order: HostRestoreInput,
  place: ForeignPlace,
  trial: Attempt,
): Promise<ForeignFacts> {
  const { storedBytes, identity } = place;
  const layout = await inspectLayout(host.settings.server);
  const into = new Unpacked(await limitsOf(host, order, layout));
  const notes = { ...place, files: place.files.filter(({ name }) => isNote(name)) };
  await unpackPlace(host, notes, { trial, into, phase: 'planning' });
  const names = new Set(place.files.map(({ name }) => name));
  const { files, databases } = findFiles({ notes: into.notes, names });
  await requireFitting(host, order, files, layout);
  return {
    form: 'a folder',
    storedBytes,
    identity,
    unpackedBytes: storedBytes,
    files,
    databases,
    warnings: [],
  };
}
