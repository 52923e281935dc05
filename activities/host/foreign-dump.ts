/** Loading a dump that Tidemark did not make: into a fresh server's data, or into the running server. */
import { isDeepStrictEqual } from 'node:util';
import { dataDirectory, type Layout } from '../../domain/layout.ts';
import type { ForeignDump } from '../../domain/foreign.ts';
import type { DumpContent } from '../../domain/manifest.ts';
import { wantedOf } from '../../domain/part.ts';
import { bytesWrittenBy } from '../../mariadb/backup/estimate.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { loadFresh } from '../../mariadb/dump/fresh.ts';
import { replaceDatabases, requireForReplacing } from '../../mariadb/dump/replace.ts';
import type { Bytes } from '../../mariadb/foreign/bytes.ts';
import { asLoaded, DumpScan } from '../../mariadb/foreign/sql.ts';
import { watchTrial } from '../../mariadb/foreign/trial.ts';
import type { Extraction } from '../../mariadb/restore/extract.ts';
import { workingMemory } from '../../mariadb/restore/memory.ts';
import { findServerProcess } from '../../mariadb/server/lifecycle.ts';
import { serverOwner } from '../../mariadb/server/owner.ts';
import type { RestorePhase } from '../../domain/progress.ts';
import type { HostRestoreInput } from './contract.ts';
import { pour } from './fetch.ts';
import {
  changedSince,
  type ForeignPlace,
  foreignOf,
  openKnownPlace,
  openObject,
  teller,
} from './foreign-source.ts';
import type { Host } from './host.ts';

/** What a private server that loads has even for a small dump. */
const leastMemoryBytes = 128 * 1024 ** 2;

interface Loading {
  order: HostRestoreInput;
  place: ForeignPlace;
  trial: Attempt;
}

/** @returns what a person should know of what was loaded, each a sentence */
export async function loadForeign(
  host: Host,
  { directory, layout, ...loading }: Loading & { directory: string; layout: Layout },
): Promise<string[]> {
  const { server, restore } = host.settings;
  const dump = dumpOf(loading.order);
  const content = contentOf(dump);
  if (!content.whole) await requireForReplacing(server);
  const useful = leastMemoryBytes + (foreignOf(loading.order).facts?.unpackedBytes ?? 0);
  return await loadFresh(
    {
      server,
      layout,
      directory,
      owner: await serverOwner(server, dataDirectory(layout)),
      content,
      identity: undefined,
      plain: true,
      memoryBytes: await workingMemory(restore.memory_share, useful),
      attempt: loading.trial,
      watch: (connection) => watchTrial(connection, triedAs(loading.order, dump), server),
    },
    (load, pid) => feedDump(host, { ...loading, phase: 'fetching', pid }, load),
  );
}

/** Replaces the databases that the dump holds in the running server. */
export async function replaceByForeign(host: Host, order: HostRestoreInput, trial: Attempt): Promise<void> {
  const { server } = host.settings;
  const place = await openKnownPlace(host, order, trial.signal);
  const { databases } = dumpOf(order);
  const pid = await findServerProcess(server);
  await replaceDatabases({ server, databases, identity: undefined, plain: true, attempt: trial }, (load) =>
    feedDump(host, { order, place, trial, phase: 'cutting_over', pid }, load),
  );
}

/** Of a part, what else its database has in the running server stays: nothing is lost with tables that the dump lacks. */
function triedAs({ part }: HostRestoreInput, { unnamed, ...dump }: ForeignDump): ForeignDump {
  const stays =
    part && (part.as !== undefined || wantedOf(part.include).every(({ tables }) => tables !== 'all'));
  return { ...dump, ...(unnamed !== undefined && !stays && { unnamed }) };
}

function dumpOf(order: HostRestoreInput): ForeignDump {
  const { dump } = foreignOf(order).facts ?? {};
  if (!dump) throw new Error('a dump that was not looked at');
  return dump;
}

function contentOf({ databases, whole }: ForeignDump): DumpContent {
  return { databases, whole };
}

async function feedDump(
  host: Host,
  { order, place, trial, phase, pid }: Loading & { phase: RestorePhase; pid: number | undefined },
  load: Extraction,
): Promise<void> {
  let [read, of] = [0, place.storedBytes];
  const report = teller(trial, phase, () => bytesWrittenBy(pid) ?? 0);
  const tell = (bytes: number, all: number): void => {
    [read, of] = [bytes, all];
    report(read, of);
  };
  // A statement can take long, while nothing is read.
  const telling = setInterval(() => report(read, of), 1_000);
  try {
    const { bytes } = await openObject(host, place, { trial, tell });
    const { unnamed } = dumpOf(order);
    await pour(asLoaded(asExamined(bytes, order), unnamed), load, trial.signal);
  } finally {
    clearInterval(telling);
  }
}

/** Fails at its end when it is not the dump that was looked at: the object is read again for each load. */
async function* asExamined(bytes: Bytes, order: HostRestoreInput): AsyncGenerator<Uint8Array> {
  const { facts } = foreignOf(order);
  const scan = new DumpScan();
  for await (const piece of bytes) {
    scan.add(piece);
    yield piece;
  }
  // As an order brings it, which has passed through JSON.
  const dump: unknown = JSON.parse(JSON.stringify(scan.end().dump));
  if (scan.bytes !== facts?.unpackedBytes || !isDeepStrictEqual(dump, facts.dump)) throw changedSince();
}
